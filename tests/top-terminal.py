# SPDX-License-Identifier: Apache-2.0
"""Somebody at a terminal: presses keys, and waits for what they do.

usage: top-terminal.py COMMAND... <SCRIPT

A line of the script is a word and a text:

    see REGEX       waits until the screen has it
    type TEXT       presses keys; \\r is enter, \\e escape, \\s space
    size ROWS COLS  another size of the window
    end STATUS      waits until the command has ended

In the end the terminal must be as it was.
"""

import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time

DEADLINE = 30


def set_size(fd, rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ,
                struct.pack('HHHH', rows, columns, 0, 0))


class Screen:
    """What was written since the screen was last begun anew."""

    def __init__(self, fd):
        self.fd = fd
        self.text = ''

    def read(self, until):
        if not select.select([self.fd], [], [],
                             max(until - time.monotonic(), 0))[0]:
            raise SystemExit('not in time; the screen:\n%s' % self.text)
        try:
            data = os.read(self.fd, 65536)
        except OSError:         # The other end has closed it.
            return False
        self.text = (self.text + data.decode())[-20000:]
        return bool(data)

    def frames(self):
        return self.text.split('\033[H')

    def see(self, regex):
        until = time.monotonic() + DEADLINE
        while not any(re.search(regex, frame, re.M)
                      for frame in self.frames()[-2:]):
            if not self.read(until):
                raise SystemExit('ended before "%s":\n%s'
                                 % (regex, self.text))


def main():
    pid, fd = pty.fork()
    if not pid:
        os.execvp(sys.argv[1], sys.argv[1:])
    set_size(fd, 40, 100)
    before = termios.tcgetattr(fd)
    screen = Screen(fd)
    for line in sys.stdin.read().splitlines():
        word, text = line.split(' ', 1)
        print(line, flush=True)
        if word == 'see':
            screen.see(text)
        elif word == 'type':
            for word, key in (('\\r', '\r'), ('\\e', '\033'), ('\\s', ' ')):
                text = text.replace(word, key)
            screen.text = ''
            os.write(fd, text.encode())
        elif word == 'size':
            screen.text = ''
            set_size(fd, *(int(n) for n in text.split()))
        elif word == 'end':
            until = time.monotonic() + DEADLINE
            while screen.read(until):
                pass
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            if status != int(text):
                raise SystemExit('exit status %d:\n%s'
                                 % (status, screen.text))
            if '\033[?1049l' not in screen.text:
                raise SystemExit('the screen was not given back')
    if termios.tcgetattr(fd) != before:
        raise SystemExit('the terminal is not as it was')


main()
