import numpy as np

from virtuall.core.arithmetic import exp, log, power


def test_agreement_with_the_library_functions() -> None:
    generator = np.random.default_rng(0)
    x = generator.uniform(-700, 700, 100_000)
    np.testing.assert_allclose(exp(x), np.exp(x), rtol=5e-16)
    y = np.exp(generator.uniform(-700, 700, 100_000))
    np.testing.assert_allclose(log(y), np.log(y), rtol=5e-16)
    near_one = 1 + generator.uniform(-1e-3, 1e-3, 10_000)
    np.testing.assert_allclose(log(near_one), np.log(near_one), rtol=5e-16)
    np.testing.assert_allclose(power(y[:1000] ** 0.01, 0.61), (y[:1000] ** 0.01) ** 0.61, rtol=1e-14)


def test_ends_of_the_range() -> None:
    assert np.array_equal(exp([np.inf, -np.inf, 0.0, 1000.0, -1000.0]), [np.inf, 0.0, 1.0, np.inf, 0.0])
    assert exp(-740.0) > 0
    assert np.isnan(exp(np.nan)) and np.isnan(log(-1.0)) and np.isnan(log(np.nan))
    assert np.array_equal(log([0.0, 1.0, np.inf]), [-np.inf, 0.0, np.inf])
    assert log(5e-324) == np.log(5e-324)
    assert np.array_equal(power([0.0, 0.0, 2.0], [0.0, 2.0, 3.0]), [1.0, 0.0, power(2.0, 3.0)])


def test_position_in_the_array_does_not_matter() -> None:
    x = np.linspace(-5, 5, 37)
    assert all(exp(x[i])[()] == exp(x)[i] for i in range(37))
