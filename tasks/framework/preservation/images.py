"""The images that steps are preserved with."""

from collections.abc import Iterable

from tasks.framework.errors import UserError
from tasks.framework.preservation.walking import Stage
from tasks.framework.sandbox.task import resolve


def images_of(stages: Iterable[Stage]) -> dict[str, str]:
    """Image of each stage, that of its task's docker sandbox in law.cfg.

    Raises:
        UserError: law.cfg names no image for a task, or one that only this machine has.
    """
    images = {}
    for stage in stages:
        family = stage.task.get_task_family()
        try:
            sandbox = resolve("docker", family)
        except UserError:
            raise UserError(
                f"law.cfg has no image for {family}: build the images with `python "
                "docker/build.py`, push them, and put their names with tag and digest into "
                "[docker_images]"
            ) from None
        image = str(sandbox).partition("::")[2]
        if "/" not in image:
            raise UserError(
                f"the image {image} of {family} is in no registry: push it, and name it in "
                "[docker_images] as REGISTRY/NAME:TAG@sha256:..., with the digest that was told"
            )
        images[stage.name] = image
    return images
