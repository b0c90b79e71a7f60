"""A progress bar: tqdm's where it is installed, else one line of our own, and none where nobody watches."""

import importlib.util
import sys


class Progress:
    """Count steps on standard error, as a context manager.

    Nothing is drawn when standard error is not a terminal; lines given to `line` are printed to standard output always.

    Parameters
    ----------
    total : int
        Steps to come.
    unit : str
        What one step is called.
    """

    def __init__(self, total, unit="step"):
        self.total, self.unit, self.done = total, unit, 0
        self.visible = sys.stderr.isatty()
        self.bar = None

    def __enter__(self):
        if self.visible and importlib.util.find_spec("tqdm"):
            from tqdm import tqdm

            self.bar = tqdm(total=self.total, unit=self.unit, leave=False)
        return self

    def __exit__(self, *exception):
        if self.bar is not None:
            self.bar.close()
        elif self.visible:
            self._erase()

    def step(self, note=""):
        """Count one step; `note` stands behind the bar."""
        self.done += 1
        if self.bar is not None:
            self.bar.set_postfix_str(note, refresh=False)
            self.bar.update()
        elif self.visible:
            self._draw(note)

    def line(self, text):
        """Print a line to standard output, above the bar."""
        if self.bar is not None:
            self.bar.write(text)
            return
        if self.visible:
            self._erase()
        print(text, flush=True)

    def _draw(self, note):
        width = 30
        filled = width * self.done // max(self.total, 1)
        drawn = "#" * filled + "." * (width - filled)
        sys.stderr.write(f"\r\x1b[K{drawn} {self.done}/{self.total} {self.unit} {note}")
        sys.stderr.flush()

    def _erase(self):
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()
