import numpy as np

from virtuall.core.random import exponential, keyed_uniform, keys, mixed, normal, uniform


def test_mixing_known_answers() -> None:
    """The first outputs of SplitMix64 from seed 1234567, as published with its reference code."""
    state = np.uint64(1234567) + np.arange(1, 4, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert [int(word) for word in mixed(state)] == expected


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
    assert kstest(uniform(3, "e", 5, people), "uniform").pvalue > 1e-3
    assert kstest(uniform(3, [f"purpose {k}" for k in range(1000)], 5)[:], "uniform").pvalue > 1e-3
    pairs = np.corrcoef(uniform(1, "d", people), uniform(1, "d", people, 1))
    assert abs(pairs[0, 1]) < 0.02


def test_draws_by_keys_of_their_own_are_the_draws_of_their_purposes() -> None:
    patients, days = np.arange(6), np.array([0, 3, 3, 9, 1, 0])
    which = np.array([0, 1, 1, 0, 2, 2])
    found = keyed_uniform(keys(5, ("a", "b", "c"))[which], patients, days)
    assert np.array_equal(found, uniform(5, ("a", "b", "c"), patients, days)[which, patients])
