"""A progress bar: one of our own in notebooks, tqdm's on a terminal where it is installed, else one line; none where nobody
watches."""

import html
import importlib.util
import sys
import time

SECONDS_BETWEEN = 0.1  # between two drawings of a bar


class Progress:
    """Count steps on standard error or in a notebook, as a context manager.

    Nothing is drawn when standard error is neither a terminal nor a notebook's; lines given to `line` are printed to
    standard output always.

    Parameters
    ----------
    total : int
        Steps to come.
    unit : str
        What one step is called.
    show : bool or "auto"
        True draws even where nobody seems to watch, False never does.
    """

    def __init__(self, total, unit="step", show="auto"):
        if show not in ("auto", True, False):
            raise ValueError(f"progress={show!r} is unknown; choose 'auto', True or False")
        self.total, self.unit, self.done = total, unit, 0
        in_notebook = show is not False and _in_notebook()
        self.visible = in_notebook or (sys.stderr.isatty() if show == "auto" else show)
        self._bar = _NoBar() if not self.visible else _NotebookBar() if in_notebook else _LineBar()
        self._tqdm = self.visible and not in_notebook and importlib.util.find_spec("tqdm")

    def __enter__(self):
        if self._tqdm:
            self._bar = _TqdmBar(self.total, self.unit)
        return self

    def __exit__(self, *exception):
        self._bar.close()

    def step(self, note=""):
        """Count one step; `note` stands behind the bar."""
        self.done += 1
        if self.visible:
            self._bar.show(self.done, self.total, self.unit, note)

    def line(self, text):
        """Print a line to standard output, above the bar."""
        self._bar.line(text)


class _NoBar:
    """What is shown when nobody watches: lines alone."""

    def show(self, done, total, unit, note):
        """Draw the state."""

    def line(self, text):
        """Print a line."""
        print(text, flush=True)

    def close(self):
        """Remove the bar."""


class _TqdmBar(_NoBar):
    def __init__(self, total, unit):
        from tqdm import tqdm

        self.bar = tqdm(total=total, unit=unit, leave=False)

    def show(self, done, total, unit, note):
        self.bar.set_postfix_str(note, refresh=False)
        self.bar.update()

    def line(self, text):
        self.bar.write(text)

    def close(self):
        self.bar.close()


class _SlowBar(_NoBar):
    """A bar that is drawn again only after a while, and at its end."""

    drawn = 0.0

    def show(self, done, total, unit, note):
        now = time.monotonic()
        if done == total or now - self.drawn >= SECONDS_BETWEEN:
            self.drawn = now
            self.draw(done, total, unit, note)


class _LineBar(_SlowBar):
    def draw(self, done, total, unit, note):
        """One line of # and dots on standard error."""
        width = 30
        filled = width * done // max(total, 1)
        sys.stderr.write(f"\r\x1b[K{'#' * filled}{'.' * (width - filled)} {done}/{total} {unit} {note}")
        sys.stderr.flush()

    def line(self, text):
        self.close()
        print(text, flush=True)

    def close(self):
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()


class _NotebookBar(_SlowBar):
    """HTML's own progress element, drawn anew in place; needs IPython alone."""

    handle = None

    def draw(self, done, total, unit, note):
        """Show the element, or the same one with another value."""
        from IPython.display import HTML, display

        bar = HTML(
            f"<progress value='{done}' max='{total}' style='width:20em'></progress> "
            f"{done}/{total} {html.escape(unit)} {html.escape(note)}"
        )
        if self.handle is None:
            self.handle = display(bar, display_id=True)
        else:
            self.handle.update(bar)


def _in_notebook():
    """Whether this runs in a Jupyter kernel."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None and hasattr(ipython, "get_ipython") else None
    return type(shell).__name__ == "ZMQInteractiveShell"
