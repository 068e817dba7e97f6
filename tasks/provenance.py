"""Everything behind a limit, down to the bytes it came from, as W3C PROV and as a picture."""

from typing import Any

import law
import luigi

from analysis.catalogue import digest
from tasks.base import CatalogueTask, SelectionMixin
from tasks.fit import Fit, SignalsMixin, limits_of
from tasks.framework import remote
from tasks.framework.errors import UserError
from tasks.framework.provenance import fingerprint
from tasks.written_catalogue import dump, written_catalogue


class Provenance(SignalsMixin, SelectionMixin, CatalogueTask):
    """The PROV document of the limits, and whether their files still are what they were."""

    verify = luigi.BoolParameter(
        default=False,
        significant=False,
        description="run nothing: compare all files with the checksums of the document made "
        "before, and tell what has changed; default: False",
    )

    interactive_params = [*CatalogueTask.interactive_params, "verify"]  # noqa: RUF012 - law's

    def requires(self) -> Fit:
        return Fit.req(self)

    def store_parts(self) -> tuple[str, ...]:
        fits = [limits.path for limits in limits_of(self.requires())]
        return (*super().store_parts(), f"{self.selection}-{digest(fits)}")

    def output(self) -> dict[str, law.FileSystemFileTarget]:
        return self.targets(
            prov="prov.json", graph="prov.png", graph_pdf="prov.pdf", catalogue="catalogue.yaml"
        )

    def run(self) -> None:
        from analysis import plots
        from tasks.framework.preservation.picture import draw
        from tasks.framework.preservation.prov_document import prov_document
        from tasks.framework.preservation.tracing import records, with_input

        found = records([self.requires()])
        with self.localize_output() as output:
            output["catalogue"].dump(dump(written_catalogue(self)), formatter="text")
            place: Any = self.output()["catalogue"]
            uri = place.uri() if remote.is_remote(place) else place.abspath
            catalogue = {**fingerprint(output["catalogue"].abspath), "uri": uri}
            document = prov_document(with_input(found, catalogue))
            output["prov"].dump(document.serialize(indent=2), formatter="text")
            drawn = with_input(found, catalogue, of=Fit.get_task_family())
            figure = draw(drawn, f"limits on {', '.join(self.signals)}")
            plots.save(figure, output["graph"].abspath)
            plots.save(figure, output["graph_pdf"].abspath)

    def _verify(self, _: bool) -> None:
        from tasks.framework.preservation.prov_document import files_of
        from tasks.framework.preservation.verification import changes

        target: Any = self.output()["prov"]
        if not target.exists():
            raise UserError(f"there is no {target.uri()} to verify: run without --verify first")
        files = files_of(target.load(formatter="json"))
        if found := changes(files):
            raise UserError(f"{len(found)} of {len(files)} files have changed: {'; '.join(found)}")
        print(f"all {len(files)} files are as they were", flush=True)  # noqa: T201
