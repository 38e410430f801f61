"""Standard input and output to a port of this machine, with so many bytes a second from there: an ssh ProxyCommand."""

import os
import socket
import sys
import threading
import time

port, rate = int(sys.argv[1]), int(sys.argv[2])
# A small window: what is on its way must not lie in this machine's buffers.
link = socket.socket()
link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
link.connect(("127.0.0.1", port))


def upwards():
    while data := os.read(0, 4096):
        link.sendall(data)
    link.shutdown(socket.SHUT_WR)


threading.Thread(target=upwards, daemon=True).start()
started, sent = time.monotonic(), 0
free = 16_384  # the handshake is not what is measured
while data := link.recv(256):
    sent += len(data)
    if sent > free:
        behind = (sent - free) / rate - (time.monotonic() - started)
        if behind > 0:
            time.sleep(behind)
    else:
        started = time.monotonic()
    os.write(1, data)
