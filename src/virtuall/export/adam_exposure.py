"""ADEX: what was given of the products of the protocol, one record for each dose or stretch of an infusion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from virtuall.export.adam_study import Study
from virtuall.export.adam_table import (
    Dataset,
    dataset,
    dates,
    moments,
    relative_days,
    sequence,
    subject_columns,
)

Floats = NDArray[np.float64]
_PER_DAY = "/d"


@dataclass(frozen=True, eq=False)
class Exposure:
    """What was given: arrays of one entry a record, in the order of patients, products and time.

    Attributes
    ----------
    row : int64 array
        Of the patient in the outcomes.
    product, unit : object array
        ``unit`` is that of `dose`; an infusion's ends in "/d".
    dose, amount, start, end : float64 array
        Dose or rate; amount to the end of follow-up; days from enrollment.
    cycle : float64 array
    main : bool array
        Whether the protocol is about the product.
    """

    row: NDArray[np.int64]
    product: NDArray[np.object_]
    unit: NDArray[np.object_]
    dose: Floats
    amount: Floats
    start: Floats
    end: Floats
    cycle: Floats
    main: NDArray[np.bool_]


def exposure(study: Study) -> Exposure:
    """What the orders of the charts gave of each arm's products, until the end of follow-up.

    An order that sets a rate holds until the next order of its product. A dose lasts until the order that says it is
    in, where there is one.
    """
    orders = study.events[study.events["kind"] == "order"]
    row, product = study.rows(orders["patient"]), orders["what"].astype(str).to_numpy(object)
    arm = study.words("arm")[row]
    given = np.zeros(len(orders), bool)
    main = np.zeros(len(orders), bool)
    for name, protocol in study.protocols.items():
        given |= (arm == name) & np.isin(product, list(protocol.given_products))
        main |= (arm == name) & np.isin(product, list(protocol.main_products))
    order = np.flatnonzero(given)
    order = order[np.lexsort((order, product[order].astype(str), row[order]))]
    row, product, main = row[order], product[order], main[order]
    start, dose = (orders[name].to_numpy(np.float64)[order] for name in ("day", "value"))
    unit = orders["unit"].astype(str).to_numpy(object)[order]
    cycle = orders["cycle"].to_numpy(np.float64)[order]
    rate = np.char.endswith(unit.astype(str), _PER_DAY)
    same = np.append((row[1:] == row[:-1]) & (product[1:] == product[:-1]), False)[: len(row)]
    upto = np.where(same, np.append(start[1:], np.nan)[: len(row)], np.inf)
    over = np.append(rate[1:] & (dose[1:] == 0), False)[: len(row)] & same
    upto = np.where(rate | over, upto, start)
    last = study.column("follow_up")[row]
    end = np.fmin(upto, last)
    lasting = np.where(upto > start, (end - start) / np.where(upto > start, upto - start, 1.0), 1.0)
    amount = np.where(rate, dose * (end - start), dose * lasting)
    kept = (dose > 0) & (start <= last)
    return Exposure(
        row=row[kept],
        product=product[kept],
        unit=unit[kept],
        dose=dose[kept],
        amount=amount[kept],
        start=start[kept],
        end=end[kept],
        cycle=cycle[kept],
        main=main[kept],
    )


def adex(study: Study, given: Exposure) -> Dataset:
    """The dataset of exposure."""
    order = np.lexsort((given.end, given.product.astype(str), given.start, given.row))
    row = given.row[order]
    start, end = moments(study, row, given.start[order]), moments(study, row, given.end[order])
    product, unit = given.product[order], given.unit[order]
    columns = subject_columns(study, row) | {
        "EXSEQ": sequence(row),
        "TRTP": study.words("arm")[row],
        "EXTRT": _titles(study, row, product),
        "EXCAT": _parts(study, row, product),
        "EXDOSE": given.dose[order],
        "EXDOSU": np.array([each.replace(_PER_DAY, "/DAY") for each in unit], object),
        "AMOUNT": given.amount[order],
        "AMOUNTU": np.array([each.removesuffix(_PER_DAY) for each in unit], object),
        "ACYCLE": given.cycle[order],
        "ASTDT": dates(start),
        "ASTDTM": start,
        "ASTDY": relative_days(study, row, dates(start)),
        "AENDT": dates(end),
        "AENDTM": end,
        "AENDY": relative_days(study, row, dates(end)),
        "ADURN": (given.end - given.start)[order],
        "ADURU": np.full(len(row), "DAYS", object),
    }
    return dataset(
        "ADEX",
        "Exposure Analysis Dataset",
        "One record per subject per dose or stretch of an infusion",
        ("USUBJID", "EXSEQ"),
        columns,
        {"AENDTM": "Next order of the product, the end of the dose, or the end of follow-up, to the second"},
    )


def _titles(study: Study, row: NDArray[np.int64], product: NDArray[np.object_]) -> NDArray[np.object_]:
    titles = {name: each.title for protocol in study.protocols.values() for name, each in protocol.products.items()}
    return np.array([titles[each] for each in product], object)


def _parts(study: Study, row: NDArray[np.int64], product: NDArray[np.object_]) -> NDArray[np.object_]:
    """The leg of the protocol that gives each product, the first that does."""
    parts: dict[tuple[str, str], str] = {}
    for arm, protocol in study.protocols.items():
        for leg in sorted(protocol.legs, key=lambda leg: not leg.main):
            for name in leg.regimen.products:
                parts.setdefault((arm, name), leg.name.upper())
    return np.array([parts[each] for each in zip(study.words("arm")[row], product, strict=True)], object)
