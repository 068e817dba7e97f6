"""The same trivial workflow in law, luigi, snakemake and this project."""
