"""einsum on Tensors: `numpy.einsum`, and its gradients, which are einsums too."""

import string

import numpy as np

from fastact import _tape

LETTERS = string.ascii_uppercase + string.ascii_lowercase  # torch's order, and that of its numbers


def einsum(equation, *operands):
    """Products of operands, summed over indices, in Einstein's notation; a Tensor if one of the operands is.

    Parameters
    ----------
    equation : str
        A letter for each axis of each operand, operands apart by commas, ``->``, and the letters of the result; ``...`` stands
        for further axes, which broadcast. Letters that the result lacks are summed over. Without ``->`` the result has the
        axes of ``...`` and then, in order, the letters that occur once. Or an operand, then lists of ints for letters:
        ``einsum(a, [0, 1], b, [1, 2], [0, 2])``.
    *operands : Tensor or array_like
        Or one list of them. Axes of one letter are equally long, or 1.

    Returns
    -------
    Tensor or ndarray

    Raises
    ------
    ValueError
        If equation and operands do not fit each other; the text names the operand and its letters.

    Examples
    --------
    >>> import fastact.torch as torch
    >>> a = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    >>> torch.einsum("ii", a).backward()
    >>> a.grad
    tensor([[1., 0.],
            [0., 1.]])
    """
    equation, operands = _as_text(equation, operands)
    arrays = [np.asarray(value) for value in _tape.values_of(operands)]
    half = arrays[0].dtype if arrays and arrays[0].dtype.kind == "V" else None  # NumPy's einsum takes no bfloat16
    arrays = [array if array.dtype.kind in "fc" else array.astype(np.float32 if half else np.int64) for array in arrays]
    terms, result = _explicit(equation, [array.ndim for array in arrays])
    lengths = _lengths(terms, arrays)
    parts = [_Part(array, term, lengths) for array, term in zip(arrays, terms, strict=True)]
    value = _product([part.labels for part in parts], result, [part.array for part in parts])
    if not any(isinstance(operand, _tape.TensorBase) for operand in operands):
        return value

    def derivative(g):
        return tuple(
            part.gradient(g, result, [other for other in parts if other is not part], lengths)
            if isinstance(operand, _tape.TensorBase) and operand.requires_grad
            else None
            for part, operand in zip(parts, operands, strict=True)
        )

    found = _tape.record(value, operands, derivative, "Einsum", True)
    return found.to(half) if half else found


def _as_text(equation, operands):
    """Equation and operands, whichever way they were given."""
    if isinstance(equation, str):
        several = len(operands) == 1 and isinstance(operands[0], (list, tuple))
        return equation, tuple(operands[0]) if several else operands
    given = (equation, *operands)
    lists = given[1::2] if len(given) % 2 == 0 else (*given[1:-1:2], given[-1])
    wrong = [numbers for numbers in lists if not isinstance(numbers, (list, tuple))]
    if wrong:
        raise TypeError(
            f"einsum() got {type(wrong[0]).__name__} where a list of ints was expected; or give an equation, a str"
        )
    texts = ["".join("..." if number is Ellipsis else LETTERS[number] for number in numbers) for numbers in lists]
    terms = texts if len(given) % 2 == 0 else texts[:-1]
    return ",".join(terms) + ("" if len(given) % 2 == 0 else f"->{texts[-1]}"), given[: 2 * len(terms) : 2]


def _explicit(equation, ndims):
    """The letters of each operand and of the result, those that stand for ``...`` too."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(ndims):
        raise ValueError(f"einsum({equation!r}) is of {len(terms)} operands, got {len(ndims)}")
    named = [term.replace("...", "", 1) for term in terms]
    for name, what in [*zip(named, terms, strict=True), (right.replace("...", "", 1), right)]:
        if not all(letter in LETTERS for letter in name):
            raise ValueError(f"einsum({equation!r}) has {what!r} in it: expected letters, and ... at most once")
    extra = [ndim - len(name) for ndim, name in zip(ndims, named, strict=True)]
    for number, (count, term, ndim) in enumerate(zip(extra, terms, ndims, strict=True)):
        if count < 0 or (count and "..." not in term):
            raise ValueError(f"einsum({equation!r}) names the axes of operand {number} {term!r}, and it has {ndim}")
    free = [letter for letter in LETTERS if letter not in equation]
    rest = "".join(free[: max(extra, default=0)])
    terms = [term.replace("...", rest[len(rest) - count :]) for term, count in zip(terms, extra, strict=True)]
    if not arrow:
        letters = "".join(named)
        return terms, rest + "".join(letter for letter in LETTERS if letters.count(letter) == 1)
    result = right.replace("...", rest)
    for letter in result:
        if result.count(letter) > 1 or not any(letter in term for term in terms):
            raise ValueError(f"einsum({equation!r}) has {letter!r} in its result: expected once, and in an operand too")
    return terms, result


def _lengths(terms, arrays):
    """The length of each letter's axes."""
    lengths = {}
    for number, (term, array) in enumerate(zip(terms, arrays, strict=True)):
        own = {}
        for letter, length in zip(term, array.shape, strict=True):
            if own.setdefault(letter, length) != length or (length != 1 and lengths.get(letter, 1) not in (1, length)):
                raise ValueError(
                    f"einsum() met axes of lengths {own[letter] if own[letter] != length else lengths[letter]} and {length} "
                    f"under one letter in operand {number} of shape {array.shape}: expected equal ones, or 1 in another operand"
                )
            if lengths.get(letter, 1) == 1:
                lengths[letter] = length
    return lengths


def _product(terms, result, arrays):
    return np.einsum(f"{','.join(terms)}->{result}", *arrays, optimize=len(arrays) > 1)


class _Part:
    """An operand without the axes of length 1 that broadcast, and with each letter once: a view."""

    def __init__(self, array, term, lengths):
        self.shape, self.dtype = array.shape, array.dtype
        kept = [i for i, letter in enumerate(term) if array.shape[i] == lengths[letter]]
        self.term, self.inner = "".join(term[i] for i in kept), tuple(array.shape[i] for i in kept)
        self.labels = "".join(dict.fromkeys(self.term))
        self.array = np.einsum(f"{self.term}->{self.labels}", array.reshape(self.inner))

    def gradient(self, g, result, others, lengths):
        """The gradient with respect to the operand from that of the result."""
        known = result + "".join(other.labels for other in others)
        reached = "".join(letter for letter in self.labels if letter in known)
        part = _product([result, *(other.labels for other in others)], reached, [g, *(other.array for other in others)])
        part = part.reshape([lengths[letter] if letter in reached else 1 for letter in self.labels])
        if not self.term:
            return part.reshape(self.shape)
        whole = np.zeros(self.inner, self.dtype)
        np.einsum(f"{self.term}->{self.labels}", whole)[...] = part
        return whole.reshape(self.shape)
