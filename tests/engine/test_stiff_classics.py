"""Stiff classics against their published end values, at several tolerances.

The equations and end values are those of the "Test Set for Initial Value Problem Solvers" (F. Mazzia, C. Magherini,
University of Bari; before that W. Lioen, J. de Swart, CWI Amsterdam), read in its Fortran files hires.f, orego.f,
vdpol.f, rober.f, pollu.f and ringmod.f. They were computed there by RADAU or RADAU5 with tolerances of 1e-12 (ring
modulator) to 1e-18 (the others). Steps here are at most 64 days long, and the graph has no sine: so Robertson's problem
counts in units of 10,000 s, and the ring modulator's sources are oscillators of their own, in microseconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from virtuall.engine.ensemble import STATUS_TEXT
from virtuall.engine.kernel import build_kernel
from virtuall.engine.system import System

MakeSystem = Callable[..., System]


@dataclass(frozen=True)
class Classic:
    """An initial value problem with its published end; the first states are those that have one."""

    rates: Mapping[str, str]
    start: tuple[float, ...]
    end: float
    published: tuple[float, ...]
    scales: Mapping[str, float] = field(default_factory=dict)
    # What the errors of all states are divided by, where their own size at the end is not it.
    size: float | None = None
    # How many times rtol the error may be: the problem's own sensitivity.
    times_rtol: float = 30.0


def hires() -> Classic:
    return Classic(
        {
            "y1": "-1.71*y1 + 0.43*y2 + 8.32*y3 + 0.0007",
            "y2": "1.71*y1 - 8.75*y2",
            "y3": "-10.03*y3 + 0.43*y4 + 0.035*y5",
            "y4": "8.32*y2 + 1.71*y3 - 1.12*y4",
            "y5": "-1.745*y5 + 0.43*y6 + 0.43*y7",
            "y6": "-280*y6*y8 + 0.69*y4 + 1.71*y5 - 0.43*y6 + 0.69*y7",
            "y7": "280*y6*y8 - 1.81*y7",
            "y8": "-280*y6*y8 + 1.81*y7",
        },
        (1, 0, 0, 0, 0, 0, 0, 0.0057),
        321.8122,
        (
            *(0.7371312573325668e-3, 0.1442485726316185e-3, 0.5888729740967575e-4, 0.1175651343283149e-2),
            *(0.2386356198831331e-2, 0.6238968252742796e-2, 0.2849998395185769e-2, 0.2850001604814231e-2),
        ),
        {f"y{k}": 1e-4 for k in range(1, 9)},
    )


def orego() -> Classic:
    return Classic(
        {
            "a": "77.27*(b + a*(1 - 8.375e-6*a - b))",
            "b": "(c - (1 + a)*b)/77.27",
            "c": "0.161*(a - c)",
        },
        (1, 2, 3),
        360.0,
        (0.1000814870318523e1, 0.1228178521549917e4, 0.1320554942846706e3),
    )


def van_der_pol() -> Classic:
    """mu = 1000 in its own time: the published problem in t/mu with 1/mu^2 = 1e-6 ends at 2."""
    return Classic(
        {"x": "v", "v": "1000*(1 - x*x)*v - x"},
        (2, 0),
        2000.0,
        (0.1706167732170483e1, -0.8928097010247975e-3),
        {"v": 1e-4},
    )


def robertson() -> Classic:
    """Until 1e11 s, in units of 1e4 s."""
    slow, fast, middle = 0.04e4, 3e7 * 1e4, 1e4 * 1e4
    return Classic(
        {
            "a": f"-{slow}*a + {middle}*b*c",
            "b": f"{slow}*a - {middle}*b*c - {fast}*b*b",
            "c": f"{fast}*b*b",
        },
        (1, 0, 0),
        1e7,
        (0.2083340149701255e-7, 0.8333360770334713e-13, 0.9999999791665050),
        {"a": 1e-9, "b": 1e-13},
    )


_POLLUTION_RATES = (
    "0.35*y1 | 26.6*y2*y4 | 12300*y5*y2 | 0.00086*y7 | 0.00082*y7 | 15000*y7*y6 | 0.00013*y9 | 24000*y9*y6"
    " | 16500*y11*y2 | 9000*y11*y1 | 0.022*y13 | 12000*y10*y2"
    " | 1.88*y14 | 16300*y1*y6 | 4800000*y3 | 0.00035*y4 | 0.0175*y4 | 1e8*y16"
    " | 4.44e11*y16 | 1240*y17*y6 | 2.1*y19 | 5.78*y19 | 0.0474*y1*y4 | 1780*y19*y1 | 3.12*y20"
).split(" | ")
_POLLUTION = (
    "-r1-r10-r14-r23-r24+r2+r3+r9+r11+r12+r22+r25 | -r2-r3-r9-r12+r1+r21 | -r15+r1+r17+r19+r22 | -r2-r16-r17-r23+r15"
    " | -r3+r4+r4+r6+r7+r13+r20 | -r6-r8-r14-r20+r3+r18+r18 | -r4-r5-r6+r13 | r4+r5+r6+r7 | -r7-r8 | -r12+r7+r9"
    " | -r9-r10+r8+r11 | r9 | -r11+r10 | -r13+r12 | r14 | -r18-r19+r16 | -r20 | r20 | -r21-r22-r24+r23+r25 | -r25+r24"
).split(" | ")


def pollution() -> Classic:
    def flows(text: str) -> str:
        return re.sub(r"r(\d+)", lambda found: f"({_POLLUTION_RATES[int(found[1]) - 1]})", text)

    start = dict.fromkeys(range(1, 21), 0.0) | {2: 0.2, 4: 0.04, 7: 0.1, 8: 0.3, 9: 0.01, 17: 0.007}
    published = (
        *(0.5646255480022769e-1, 0.1342484130422339, 0.4139734331099427e-8, 0.5523140207484359e-2),
        *(0.2018977262302196e-6, 0.1464541863493966e-6, 0.7784249118997964e-1, 0.3245075353396018),
        *(0.7494013383880406e-2, 0.1622293157301561e-7, 0.1135863833257075e-7, 0.2230505975721359e-2),
        *(0.2087162882798630e-3, 0.1396921016840158e-4, 0.8964884856898295e-2, 0.4352846369330103e-17),
        *(0.6899219696263405e-2, 0.1007803037365946e-3, 0.1772146513969984e-5, 0.5682943292316392e-4),
    )
    return Classic(
        {f"y{k}": flows(text) for k, text in enumerate(_POLLUTION, 1)},
        tuple(start.values()),
        60.0,
        published,
        # Radicals are made within the first 1e-9 minute, which is the shortest step: no error at their own size.
        {f"y{k}": max(abs(value), 1e-7) for k, value in enumerate(published, 1)} | {"y16": 1e-12},
    )


def ring_modulator() -> Classic:
    """15 voltages and currents, four diodes, sources of 1 and 10 kHz; time in microseconds."""
    voltages = {1: "y3 - y5 - y7 - u2", 2: "y6 - y4 - y7 - u2", 3: "y4 + y5 + y7 + u2", 4: "y7 - y3 - y6 + u2"}
    diodes = {k: f"40.67286402e-9*(exp(17.7493332*({text})) - 1)" for k, text in voltages.items()}
    seconds = {
        "y1": "(y8 - 0.5*y10 + 0.5*y11 + y14 - y1/25000)/1.6e-8",
        "y2": "(y9 - 0.5*y12 + 0.5*y13 + y15 - y2/25000)/1.6e-8",
        "y3": f"(y10 - {diodes[1]} + {diodes[4]})/2e-12",
        "y4": f"({diodes[2]} - y11 - {diodes[3]})/2e-12",
        "y5": f"(y12 + {diodes[1]} - {diodes[3]})/2e-12",
        "y6": f"({diodes[4]} - y13 - {diodes[2]})/2e-12",
        "y7": f"({diodes[1]} + {diodes[2]} - {diodes[3]} - {diodes[4]} - y7/50)/1e-8",
        "y8": "-y1/4.45",
        "y9": "-y2/4.45",
        "y10": "(0.5*y1 - y3 - 17.3*y10)/5e-4",
        "y11": "(y4 - 0.5*y1 - 17.3*y11)/5e-4",
        "y12": "(0.5*y2 - y5 - 17.3*y12)/5e-4",
        "y13": "(y6 - 0.5*y2 - 17.3*y13)/5e-4",
        "y14": "(u1 - y1 - (50 + 36.3)*y14)/2e-3",
        "y15": "(-y2 - (600 + 36.3)*y15)/2e-3",
        # u1 = 0.5 sin(2 pi 1000 t), u2 = 2 sin(2 pi 10000 t)
        "u1": f"{2e3 * np.pi}*v1",
        "v1": f"-{2e3 * np.pi}*u1",
        "u2": f"{2e4 * np.pi}*v2",
        "v2": f"-{2e4 * np.pi}*u2",
    }
    published = (
        *(-0.2339057358486745e-1, -0.7367485485540825e-2, 0.2582956709291169, -0.4064465721283450),
        *(-0.4039455665149794, 0.2607966765422943, 0.1106761861269975, 0.2939904342435596e-6),
        *(-0.2840029933642329e-7, 0.7267198267264553e-3, 0.7929487196960840e-3, -0.7255283495698965e-3),
        *(-0.7941401968526521e-3, 0.7088495416976114e-4, 0.2390059075236570e-4),
    )
    return Classic(
        {name: f"1e-6*({text})" for name, text in seconds.items()},
        (*[0.0] * 16, 0.5, 0.0, 2.0),
        1000.0,
        published,
        {f"y{k}": 1e-4 for k in range(8, 16)},
        size=0.4,
        times_rtol=3000.0,
    )


def end_error(make_system: MakeSystem, classic: Classic, rtol: float) -> float:
    names = list(classic.rates)
    system = make_system(classic.rates, dict(zip(names, classic.start, strict=True)), scales=classic.scales)
    kernel = build_kernel(system, rtol=rtol)
    ens = kernel.start(np.zeros((1, 0)))
    kernel.advance(ens, [0], classic.end)
    assert ens.status[0] == 0
    published = np.array(classic.published)
    size = np.abs(published) if classic.size is None else classic.size
    return float(np.max(np.abs(ens.y[0, : len(published)] - published) / size))


@pytest.mark.parametrize("name", ["hires", "orego", "van_der_pol", "robertson", "pollution", "ring_modulator"])
def test_published_end_values(make_system: MakeSystem, name: str) -> None:
    """Largest relative error of any state at the end: within a multiple of rtol, and falling with it."""
    classic: Classic = globals()[name]()
    tolerances = np.array([1e-4, 1e-6, 1e-8])
    errors = np.array([end_error(make_system, classic, rtol) for rtol in tolerances])
    np.testing.assert_array_less(errors, classic.times_rtol * tolerances)
    assert (errors[1:] < errors[:-1] / 4).all(), errors
    assert errors[-1] < errors[0] / 100, errors


def test_van_der_pol_at_any_stiffness(make_system: MakeSystem) -> None:
    """mu of 1 and 1e4, one patient each, over one relaxation and its jumps, against Radau at 1e-9."""
    system = make_system({"x": "v", "v": "mu*(1 - x*x)*v - x"}, {"x": 2, "v": 0}, ("mu",), scales={"v": 1e-5})
    mu = np.array([1.0, 1e4])
    ends = 1.2 * mu + 3
    kernel = build_kernel(system, rtol=1e-8)
    ens = kernel.start(mu[:, None])
    kernel.advance(ens, np.arange(len(mu)), ends)
    assert not ens.status.any()
    for k, (each, end) in enumerate(zip(mu, ends, strict=True)):

        def slopes(_: float, y: np.ndarray, each: float = each) -> list[float]:
            return [y[1], each * (1 - y[0] ** 2) * y[1] - y[0]]

        def jacobian(_: float, y: np.ndarray, each: float = each) -> list[list[float]]:
            return [[0.0, 1.0], [-2 * each * y[0] * y[1] - 1, each * (1 - y[0] ** 2)]]

        truth = solve_ivp(slopes, (0, end), [2.0, 0.0], "Radau", [end], rtol=1e-9, atol=1e-12, jac=jacobian).y[:, -1]
        assert abs(ens.y[k, 0] / truth[0] - 1) < 1e-6, each
        assert abs(ens.y[k, 1] / truth[1] - 1) < 1e-5, each


def test_a_time_too_long_for_the_longest_step_ends_with_a_code(make_system: MakeSystem) -> None:
    """Robertson's problem until 1e11 in its own seconds would take 1.6e9 steps of 64: the budget of steps ends it."""
    names = robertson()
    seconds = {name: f"1e-4*({text})" for name, text in names.rates.items()}
    system = make_system(seconds, dict(zip("abc", names.start, strict=True)), scales=names.scales)
    kernel = build_kernel(system)
    ens = kernel.start(np.zeros((1, 0)))
    kernel.advance(ens, [0], 1e11)
    assert STATUS_TEXT[int(ens.status[0])] == "more than 1,000,000 steps"
    assert ens.now[0] > 6e7 and np.isfinite(ens.y).all()
