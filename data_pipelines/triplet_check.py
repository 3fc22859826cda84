"""The check of a folder of triplets before anything is compiled: one message tells everything.

Pictures that are missing stop a run; those that cannot be read are left out while it trains.
"""

from __future__ import annotations

from data_pipelines import ops, prepare, sources
from data_pipelines.triplet_sources import Folder
from data_pipelines.triplet_splits import NAMED
from data_pipelines.viton_examine import TROUBLES


def check(folder: Folder, *, height: int) -> prepare.Report:
    """Looks at every picture of every triplet.

    Args:
      folder: whose triplets.
      height: of the pictures of the run, pixels.
    """
    listing, domains, missing = folder.listing, {}, []
    for domain, names in _domains(folder).items():
        there = [name for name in names if (folder.root / name).is_file()]
        missing += _missing(domain, names, there)
        domains[domain] = sources.Files(folder.root, there)
    recipe = ops.Recipe("resize_and_crop", height, height, "bilinear", flip=False)
    report = prepare.check_sources(domains, recipe=recipe)
    stretched = [text for key, found in report.domains.items() for text in _stretched(key, found)]
    return report._replace(
        errors=listing.errors + missing + report.errors,
        warnings=listing.warnings + report.warnings + stretched,
    )


def _domains(folder: Folder) -> dict[str, list[str]]:
    """The pictures of all triplets, each once: persons of both splits, garments, truths."""
    tests = [triplet for triplets in folder.tests.values() for triplet in triplets]
    triplets = [*folder.train, *tests]
    columns = {
        "train_person": [triplet.person for triplet in folder.train],
        "test_person": [triplet.person for triplet in tests],
        "garment": [name for triplet in triplets for name in (triplet.worn, triplet.other)],
        "truth": [name for t in folder.tests["other"] for name in (t.truth, t.truth_mask)],
    }
    return {key: sorted({*names} - {""}) for key, names in columns.items() if any(names)}


def _missing(domain: str, names: list[str], there: list[str]) -> list[str]:
    """An error about pictures that are not there."""
    absent = sorted(set(names) - set(there))
    if not absent:
        return []
    return [
        f"{domain}: {len(absent)} of {len(names)} missing: {prepare.listed(absent, count=NAMED)}; "
        "put them there, or correct the list, in which persons come first"
    ]


def _stretched(key: str, pictures: list[prepare.Picture]) -> list[str]:
    """A warning about pictures of another shape than the run's."""
    odd = [
        f"{picture.name} ({picture.size[0]} x {picture.size[1]})"
        for picture in pictures
        if picture.size and abs(picture.size[0] * 4 / (picture.size[1] * 3) - 1) > 0.02
    ]
    trouble = TROUBLES["stretched"]
    if not odd:
        return []
    return [f"{key}: {len(odd)} {trouble.what}: {prepare.listed(odd)}; {trouble.repair}"]
