#!/usr/bin/env bash
# Start of every job. Arguments: number of the job, its branches. The submitter sets
#   VHBB_JOB_PYTHON, VHBB_JOB_CODE   interpreter and repository on a shared file system, or
#   VHBB_JOB_ENVIRONMENT, VHBB_JOB_REPOSITORY   archives that came with the job, and
#   VHBB_JOB_CONFIG   law's configuration in the repository
exec 2>&1
set -e
scratch="${_CONDOR_SCRATCH_DIR:-$PWD}"
cd "$scratch"
echo "job $1, branches $2 on $(hostname) at $(date -u +%Y-%m-%dT%H:%M:%SZ) in $scratch"

unpack() {  # archive, directory
    mkdir "$scratch/$2"
    tar -xzf "$1" -C "$scratch/$2" || { echo "cannot unpack $1"; exit 1; }
    rm -f "$1"
}
if [ -z "$VHBB_JOB_PYTHON" ]; then
    unpack "$VHBB_JOB_ENVIRONMENT" environment
    VHBB_JOB_PYTHON="$scratch/environment/bin/python"
    export LD_LIBRARY_PATH="$scratch/environment/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
    # sandboxes and subprocesses of tasks look for python and law on the PATH
    export PATH="$scratch/environment/bin:$PATH"
fi
if [ -z "$VHBB_JOB_CODE" ]; then
    unpack "$VHBB_JOB_REPOSITORY" repository
    VHBB_JOB_CODE="$scratch/repository"
    export LAW_CONFIG_FILE="$VHBB_JOB_CODE/$VHBB_JOB_CONFIG"
fi
export PYTHONPATH="$VHBB_JOB_CODE${PYTHONPATH:+:$PYTHONPATH}"
export VHBB_HOME="$VHBB_JOB_CODE"
export TMPDIR="$scratch" LAW_HOME="$scratch/.law" HOME="${HOME:-$scratch}"
export PYTHONUNBUFFERED=1
mkdir -p "$LAW_HOME"

# in place of this shell: HTCondor sees the exit code, or the signal, of the process that works
exec "$VHBB_JOB_PYTHON" -m tasks.framework.htcondor.runner task.json "$1" "$2"
