"""The polynomials and the logarithm's table of csrc/vmath.h, made again: `python tools/coefficients_vmath.py`.

Minimax polynomials by Remez exchange in 200-bit arithmetic, each rounded to its dtype coefficient by coefficient.
The interval tables of tanh and gelu are made by tools/coefficients.py."""

import mpmath as mp
import numpy as np

mp.mp.prec = 200


def solve(function, weight, nodes, degree):
    """The polynomial whose weighted error alternates with equal size at the nodes."""
    n = degree + 2
    matrix, right = mp.matrix(n, n), mp.matrix(n, 1)
    for i, x in enumerate(nodes):
        for j in range(degree + 1):
            matrix[i, j] = x**j
        matrix[i, degree + 1] = (-1) ** i / weight(x)
        right[i] = function(x)
    return list(mp.lu_solve(matrix, right))[: degree + 1]


def extrema(errors, n):
    """Positions of the n alternating extrema of a sampled error, or fewer."""
    found = []
    for i, error in enumerate(errors):
        if found and error * errors[found[-1]] > 0:
            if abs(error) > abs(errors[found[-1]]):
                found[-1] = i
        else:
            found.append(i)
    while len(found) > n:
        found.pop(0 if abs(errors[found[0]]) < abs(errors[found[-1]]) else -1)
    return found


def remez(function, low, high, degree, weight):
    """(coefficients, largest weighted error) of the minimax polynomial on [low, high]."""
    n = degree + 2
    middle, half = (low + high) / 2, (high - low) / 2
    nodes = [middle - half * mp.cos(mp.pi * i / (n - 1)) for i in range(n)]
    grid = [low + (high - low) * i / (60 * n) for i in range(60 * n + 1)]
    values = [function(x) for x in grid]
    for _ in range(12):
        coefficients = solve(function, weight, nodes, degree)
        errors = [(mp.polyval(coefficients[::-1], x) - v) * weight(x) for x, v in zip(grid, values, strict=True)]
        places = extrema(errors, n)
        if len(places) < n:
            break
        nodes = [grid[i] for i in places]
    return coefficients, max(map(abs, errors))


def text(value, dtype):
    """A coefficient as C writes it, without the zeros that float32 leaves behind."""
    digits, exponent = float(dtype(float(value))).hex().split("p")
    return f"{digits.rstrip('0').rstrip('.')}p{int(exponent)}"


def log_table():
    """(reciprocals, heads, tails) of the 16 intervals of [1, 2]: r of 8 bits, log(1/r) as two float32."""
    reciprocals = [mp.mpf(1)] + [mp.nint(256 / (1 + (j + mp.mpf("0.5")) / 16)) / 256 for j in range(1, 16)]
    logs = [-mp.log(r) for r in reciprocals]
    heads = [mp.mpf(float(np.float32(float(value)))) for value in logs]
    return reciprocals, heads, [value - head for value, head in zip(logs, heads, strict=True)]


def over_square(function, first):
    """(function(x) − x)/x², first at 0."""
    return lambda x: (function(x) - x) / x**2 if abs(x) > mp.mpf("1e-20") else mp.mpf(first)


def fits():
    """Every polynomial of vmath.h: name → (coefficients, error, dtype)."""
    half = mp.log(2) / 2 * mp.mpf("1.002")
    exp = over_square(mp.expm1, "0.5")
    reciprocals = log_table()[0]
    ends = [(1 + mp.mpf(j + k) / 16) * reciprocals[j] - 1 for j in range(16) for k in (0, 1)]
    high = mp.sqrt(2) - 1 + mp.mpf("1e-6")
    top = (high / (2 + high)) ** 2 * mp.mpf("1.001")
    atanh = lambda z: (2 * mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 2) / z if z > mp.mpf("1e-20") else mp.mpf(2) / 3  # noqa: E731
    square = lambda x: x * x + mp.mpf("1e-4")  # noqa: E731
    near = lambda x: abs(x) + mp.mpf("1e-3")  # noqa: E731
    return {
        "exp, float32": (*remez(exp, -half, half, 5, square), np.float32),
        "exp, float64": (*remez(exp, -half, half, 10, square), np.float64),
        "log1p, float32": (*remez(over_square(mp.log1p, "-0.5"), min(ends), max(ends), 3, near), np.float32),
        "log1p, float64": (*remez(atanh, mp.mpf(0), top, 7, lambda z: mp.mpf(1)), np.float64),
    }


def main():
    for name, (coefficients, error, dtype) in fits().items():
        print(f"{name}: error 2^{float(mp.log(error, 2)):.2f}:", ", ".join(text(c, dtype) for c in coefficients))
    for name, column in zip(("reciprocal", "log_head", "log_tail"), log_table(), strict=True):
        print(f"{name}:", ", ".join(text(value, np.float32) for value in column))


if __name__ == "__main__":
    main()
