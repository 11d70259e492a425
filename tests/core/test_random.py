import numpy as np

from virtuall.core.random import exponential, normal, philox, uniform


def test_philox_known_answers() -> None:
    """Known answers of the Random123 distribution for philox4x32-10."""
    zero = tuple(np.zeros(1, np.uint64) for _ in range(4))
    found = [int(w[0]) for w in philox(zero, (np.uint64(0), np.uint64(0)))]
    assert found == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    ones = tuple(np.full(1, 0xFFFFFFFF, np.uint64) for _ in range(4))
    found = [int(w[0]) for w in philox(ones, (np.uint64(0xFFFFFFFF), np.uint64(0xFFFFFFFF)))]
    assert found == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]


def test_a_draw_depends_on_its_key_alone() -> None:
    everybody = uniform(7, "age", np.arange(1000))
    assert uniform(7, "age", 412)[()] == everybody[412]
    assert np.array_equal(uniform(7, "age", [9, 3]), everybody[[9, 3]])
    assert np.array_equal(uniform(7, ["sex", "age"], [9, 3])[1], everybody[[9, 3]])
    assert not np.any(everybody == uniform(7, "sex", np.arange(1000)))
    assert not np.any(everybody == uniform(8, "age", np.arange(1000)))
    assert not np.any(everybody == uniform(7, "age", np.arange(1000), 1))


def test_draws_have_their_distribution() -> None:
    from scipy.stats import kstest

    people = np.arange(100_000)
    assert kstest(uniform(1, "a", people), "uniform").pvalue > 1e-3
    assert kstest(normal(1, "b", people), "norm").pvalue > 1e-3
    assert kstest(exponential(1, "c", people), "expon").pvalue > 1e-3
    pairs = np.corrcoef(uniform(1, "d", people), uniform(1, "d", people, 1))
    assert abs(pairs[0, 1]) < 0.02
