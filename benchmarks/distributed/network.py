# SPDX-License-Identifier: Apache-2.0
"""Emulates a slow network between network namespaces on one machine. Needs root and /dev/net/tun.

Each namespace has a TUN device. A separate process forwards the packets with the latency and the bandwidth of the network."""

import fcntl
import heapq
import os
import select
import struct
import subprocess
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
MTU = 65000


def is_possible():
    return os.geteuid() == 0 and os.access("/dev/net/tun", os.W_OK) and subprocess.run(["which", "ip"], capture_output=True).returncode == 0


def forward(handles, latency_s, bytes_per_s):
    """Forwards packets between TUN devices until the process is killed."""
    free = [0.0] * len(handles)  # for each host, the time at which its outgoing link is free
    in_flight, count = [], 0
    poll = select.poll()
    for handle in handles:
        os.set_blocking(handle, False)
        poll.register(handle, select.POLLIN)
    while True:
        now = time.monotonic()
        while in_flight and in_flight[0][0] <= now:
            _, _, destination, packet = heapq.heappop(in_flight)
            try:
                os.write(handles[destination], packet)
            except OSError:
                pass  # a lost packet
        wait = None if not in_flight else max(0, (in_flight[0][0] - now) * 1000)
        if wait is not None and wait < 1:
            ready = poll.poll(0)
        else:
            ready = poll.poll(wait)
        for handle, _ in ready:
            source = handles.index(handle)
            for _ in range(16):
                try:
                    packet = os.read(handle, MTU + 100)
                except BlockingIOError:
                    break
                if packet[0] >> 4 != 4 or not 1 <= packet[19] <= len(handles):
                    continue
                now = time.monotonic()
                sent = max(now, free[source]) + (len(packet) / bytes_per_s if bytes_per_s else 0)
                free[source] = sent
                count += 1
                heapq.heappush(in_flight, (sent + latency_s, count, packet[19] - 1, packet))


class Network:
    """A context manager that creates the namespaces.

    with Network(2, latency_ms=20) as network: subprocess.Popen(network.within(0) + command)

    `latency_ms` is the latency of a packet in one direction, `mbit_per_s` the bandwidth out of a host; 0 is unlimited."""

    def __init__(self, hosts, latency_ms=0.0, mbit_per_s=0.0):
        self.hosts, self.latency_ms, self.mbit_per_s = hosts, latency_ms, mbit_per_s
        self.names = [f"hone{os.getpid()}n{i}" for i in range(hosts)]

    @staticmethod
    def address(host):
        return f"10.99.0.{host + 1}"

    def within(self, host):
        return ["ip", "netns", "exec", self.names[host]]

    def __enter__(self):
        handles = []
        try:
            for host, name in enumerate(self.names):
                handle = os.open("/dev/net/tun", os.O_RDWR)
                device = f"hone{host}"
                fcntl.ioctl(handle, TUNSETIFF, struct.pack("16sH22x", device.encode(), IFF_TUN | IFF_NO_PI))
                handles.append(handle)
                for words in (
                    f"ip netns add {name}",
                    f"ip link set {device} netns {name}",
                    f"ip -n {name} link set lo up",
                    f"ip -n {name} addr add {self.address(host)}/24 dev {device}",
                    f"ip -n {name} link set {device} mtu {MTU} txqueuelen 10000 up",
                ):
                    subprocess.run(words.split(), check=True)
            self.forwarder = subprocess.Popen(
                [sys.executable, __file__, str(self.latency_ms / 1e3), str(self.mbit_per_s * 1e6 / 8), *map(str, handles)],
                pass_fds=handles,
            )
        except BaseException:
            self.__exit__()
            raise
        finally:
            for handle in handles:
                os.close(handle)
        return self

    def __exit__(self, *_):
        if hasattr(self, "forwarder"):
            self.forwarder.kill()
            self.forwarder.wait()
        for name in self.names:
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    latency, rate, *numbers = sys.argv[1:]
    forward([int(number) for number in numbers], float(latency), float(rate))
