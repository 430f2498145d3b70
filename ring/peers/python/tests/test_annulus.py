"""What the package checks of itself: python3 -m unittest discover tests, with annulus built."""

import array
import gc
import os
import signal
import subprocess
import sys
import threading
import time
import unittest

import annulus

NAME = f"annulus-test-python-{os.getpid()}"


def asleep(into):
    """Waits until somebody sleeps on a ring: its sleeper announces the epoch of the other side's futex word."""
    while True:
        memory = into.snapshot()
        stride = int.from_bytes(memory[28:32], "little")
        producer, consumer = (int.from_bytes(memory[at:at + 8], "little") for at in (88, 96))
        if memory[consumer + 2 * stride:][:4] == memory[producer + stride:][:4]:
            return
        time.sleep(0)


class Case(unittest.TestCase):
    config = {}

    def setUp(self):
        self.ring = annulus.create(NAME, **{"capacity": 4096, **self.config})
        self.addCleanup(annulus.remove, NAME)
        self.out = self.ring.producer()
        self.into = self.ring.consumer()

    def tearDown(self):
        self.out.close()
        self.into.close()
        self.ring.close()

    def got(self):
        return list(iter(self.into.try_recv, None))

    def fill(self):
        while self.out.try_send(bytes(1000)):
            pass


class TestErrors(Case):
    def test_classes(self):
        for e, also, text in [
            (annulus.Timeout, TimeoutError, "timed out"), (annulus.End, EOFError, "end of stream"), (annulus.Closed, BrokenPipeError, "closed by the consumer"),
            (annulus.NotFound, FileNotFoundError, "no such ring"), (annulus.Overrun, annulus.Error, "overrun"), (annulus.Corrupt, annulus.Error, "ring corrupt"),
        ]:
            self.assertTrue(issubclass(e, also) and issubclass(e, annulus.Error))
            self.assertEqual((e.text, e.__module__), (text, "annulus"))
        self.assertIn("Timeout", annulus.__all__)

        class Mine(annulus.Timeout):
            pass

        self.assertEqual(Mine.code, annulus.Timeout.code)

    def test_lines(self):
        with self.assertRaisesRegex(annulus.Exists, "^name is taken: link"):
            annulus.create(NAME)
        with self.assertRaisesRegex(annulus.NotFound, "^no such ring: "):
            annulus.open(NAME + "-not")
        with self.assertRaisesRegex(annulus.Geometry, "^impossible ring geometry: .*powers of two"):
            annulus.create(NAME + "-not", capacity=5000)
        with self.assertRaisesRegex(annulus.Attached, f"pid {os.getpid()}|this handle has"):
            self.ring.producer()
        with self.assertRaisesRegex(annulus.NotRing, "not a regular file"):
            annulus.open_file("/dev")
        with self.assertRaises(annulus.TooLarge):
            self.out.send(bytes(5000))
        with self.assertRaisesRegex(annulus.Invalid, "slash"):
            annulus.remove("a/b")
        with self.assertRaisesRegex(annulus.Invalid, "still attached"):
            self.ring.close()

    def test_arguments(self):
        for call in [
            lambda: self.out.send(), lambda: self.out.send(b"", 1, 2), lambda: self.out.send(b"", wait=1), lambda: self.out.send("text"),
            lambda: self.out.send(b"", data=b""), lambda: self.into.recv("soon"), lambda: self.into.recv_batch(), annulus.Ring, annulus.Producer,
            lambda: self.out.reserve("x"),
        ]:
            self.assertRaises(TypeError, call)
        for call in [
            lambda: self.into.recv(-1), lambda: self.into.recv(float("nan")), lambda: self.ring.producer("nap"), lambda: self.into.recv_batch(0),
            lambda: annulus.create(NAME, kind="words"), lambda: annulus.create(NAME, topology="star"), lambda: self.ring.attached("both"),
        ]:
            self.assertRaises(ValueError, call)
        with self.assertRaises(OverflowError):
            self.out.reserve(-1)

    def test_closed(self):
        self.assertFalse(self.out.closed or self.into.closed or self.ring.closed)
        for e in (self.out, self.into, self.ring):
            e.close()
            e.close()
            self.assertTrue(e.closed)
        for call in [
            lambda: self.out.send(b""), lambda: self.into.recv(), lambda: self.ring.producer(), lambda: self.ring.capacity,
            lambda: self.out.committed, lambda: self.into.release(), lambda: next(self.into),
        ]:
            with self.assertRaisesRegex(annulus.Invalid, "is closed"):
                call()

    def test_properties(self):
        r = self.ring
        self.assertEqual((r.kind, r.topology, r.capacity, r.slot_size, r.max_message, r.members, r.element, r.fingerprint),
                         ("bytes", "spsc", 4096, 0, 2040, 0, "", 0))
        self.assertTrue(r.attached("producer") and r.attached("consumer"))
        self.into.close()
        self.assertFalse(r.attached("consumer"))
        with self.assertRaises(annulus.Closed):
            self.out.send(b"nobody")
        self.assertEqual(r.recover(), 0)

    def test_open_or_create(self):
        with annulus.open_or_create(NAME, capacity=4096) as r:
            self.assertEqual(r.capacity, 4096)
        with self.assertRaisesRegex(annulus.Invalid, "capacity 4096, want 8192"):
            annulus.open_or_create(NAME, capacity=8192)
        self.assertTrue(annulus.remove(NAME))
        self.assertFalse(annulus.remove(NAME))
        annulus.open_or_create(NAME).close()


class TestMessages(Case):
    def test_copies(self):
        for data in (b"bytes", bytearray(b"array"), memoryview(b"xviewx")[1:5], array.array("H", [1, 2]), b""):
            self.out.send(data)
        self.assertEqual(self.got(), [b"bytes", b"array", b"view", b"\1\0\2\0", b""])
        self.assertIsNone(self.into.try_recv())
        self.fill()
        self.assertFalse(self.out.try_send(bytes(1000)))
        with self.assertRaises(annulus.Timeout):
            self.out.send(bytes(1000), timeout=0.005)
        self.assertEqual(len(self.got()), 3)
        self.assertGreater(self.out.committed, 3000)

    def test_end(self):
        self.out.send_batch([b"one", b"two", b"three"])
        self.out.close()
        self.assertEqual(next(self.into), b"one")
        self.assertEqual(list(self.into), [b"two", b"three"])
        for call in (self.into.recv, self.into.try_recv, self.into.peek, self.into.try_peek, lambda: self.into.recv_batch(3)):
            self.assertRaises(annulus.End, call)
        self.out = self.ring.producer()
        self.assertIsNone(self.into.try_recv())

    def test_batches(self):
        self.assertEqual(self.out.send_batch(str(i).encode() for i in range(5)), 5)
        self.assertEqual(self.into.recv_batch(3), [b"0", b"1", b"2"])
        self.assertEqual(self.into.recv_batch(9, timeout=1), [b"3", b"4"])
        self.assertEqual(self.out.send_batch([]), 0)
        self.assertEqual(self.out.send_batch([bytes(1000)] * 8, timeout=0.005), 3)
        self.assertEqual(len(self.into.recv_batch(9)), 3)
        with self.assertRaises(annulus.TooLarge):
            self.out.send_batch([b"good", bytes(5000), b"never"])
        self.assertEqual(self.got(), [b"good"])

        def broken():
            yield b"sent"
            raise KeyError

        self.assertRaises(KeyError, self.out.send_batch, broken())
        self.assertEqual(self.got(), [b"sent"])
        with self.assertRaises(annulus.Timeout):
            self.into.recv_batch(3, 0.005)

    def test_peeks(self):
        self.out.send_batch([b"one", b"two", b"three", b"four"])
        one = self.into.peek()
        two, three = self.into.peek_batch(2)
        self.assertTrue(one == b"one" and two == b"two" and three == b"three" and one.readonly)
        with self.assertRaises(TypeError):
            one[0] = 1
        for call in (self.into.recv, self.into.try_recv, lambda: self.into.recv_batch(1), lambda: next(self.into)):
            self.assertRaises(annulus.Held, call)
        self.into.release()
        for view in (one, two, three):
            self.assertRaises(ValueError, bytes, view)
            self.assertRaises(ValueError, lambda: view[0])
        with self.into.try_peek() as four:
            self.assertEqual(four, b"four")
        self.into.release()
        self.assertIsNone(self.into.try_peek())
        self.into.release()

    def test_views_in_use(self):
        self.out.send_batch([b"one", b"two"])
        part = self.into.peek()[1:]
        with self.assertRaisesRegex(BufferError, "still in use"):
            self.into.release()
        with self.assertRaisesRegex(BufferError, "still in use"):
            self.into.close()
        self.assertEqual(part, b"ne")
        part.release()
        self.into.release()
        self.assertEqual(self.got(), [b"two"])

    def test_views_outlive(self):
        self.out.send(b"still there")
        view = self.into.peek()
        self.into = None
        gc.collect()
        self.assertTrue(self.ring.attached("consumer"))
        self.assertEqual(view, b"still there")
        del view
        gc.collect()
        self.assertFalse(self.ring.attached("consumer"))
        self.into = self.ring.consumer()
        self.assertEqual(self.got(), [b"still there"])  # it was not released

    def test_reservations(self):
        room = self.out.reserve(10)
        self.assertEqual(len(room), 10)
        room.view[:5] = b"first"
        for call in (lambda: self.out.send(b"x"), lambda: self.out.try_reserve(1)):
            self.assertRaises(annulus.Reserved, call)
        self.assertRaises(annulus.TooLarge, room.commit, 11)
        view = room.view
        room.commit(5)
        self.assertRaises(ValueError, bytes, view)
        for call in (room.commit, room.stage, room.commit):
            self.assertRaises(annulus.NotReserved, call)
        self.assertRaises(BufferError, memoryview, room)
        self.assertRaises(BufferError, lambda: room.view)
        room.abort()
        with self.out.reserve(5):
            pass  # given up
        for word in (b"one", b"two"):
            with self.out.reserve(3) as room:
                memoryview(room)[:] = word
                room.stage()
        self.assertEqual(self.got(), [b"first"])
        self.out.publish()
        self.assertEqual(self.got(), [b"one", b"two"])
        self.fill()
        self.assertIsNone(self.out.try_reserve(1000))
        with self.assertRaises(annulus.Timeout):
            self.out.reserve(1000, 0.005)

    def test_reservations_in_use(self):
        room = self.out.reserve(10)
        part = room.view[2:]
        for call in (room.commit, room.stage, room.abort, self.out.close):
            with self.assertRaisesRegex(BufferError, "still in use"):
                call()
        part.release()
        room.commit(1)
        room = self.out.reserve(10)
        view = room.view
        del room  # nobody can commit it any more, but it is still written
        with self.assertRaises(annulus.Reserved):
            self.out.send(b"x")
        view[:] = b"0123456789"
        del view
        self.out.send(b"x")
        self.assertEqual([len(m) for m in self.got()], [1, 1])
        room = self.out.reserve(3)
        self.out.close()
        self.assertRaises(annulus.NotReserved, room.commit)
        room.abort()


class TestWaits(Case):
    def test_threads_run_meanwhile(self):
        def send():
            asleep(self.ring)
            self.out.send(b"woken")

        t = threading.Thread(target=send)
        t.start()
        self.assertEqual(self.into.recv(), b"woken")
        t.join()

    def test_one_thread_at_a_time(self):
        answers = []

        def other():
            asleep(self.ring)
            for call in (self.into.try_recv, self.into.release, self.into.close):
                try:
                    call()
                except annulus.Invalid as e:
                    answers.append(str(e))
            self.into.cancel()

        t = threading.Thread(target=other)
        t.start()
        self.assertRaises(annulus.Cancelled, self.into.recv)
        t.join()
        self.assertEqual(len(answers), 3)
        self.assertIn("in use by another thread", answers[0])

    def test_signal(self):
        """A handler runs during a wait, and its exception ends it; the endpoint is usable then."""

        class Rung(Exception):
            pass

        def ring_up(*_):
            raise Rung

        def kill():
            try:
                while True:
                    self.into.release()  # as long as nobody waits in it
            except annulus.Invalid:
                os.kill(os.getpid(), signal.SIGUSR1)

        old = signal.signal(signal.SIGUSR1, ring_up)
        self.addCleanup(signal.signal, signal.SIGUSR1, old)
        for wait in ("futex", "spin", "semaphore"):
            self.into.close()
            self.into = self.ring.consumer(wait)
            t = threading.Thread(target=kill)
            t.start()
            self.assertRaises(Rung, self.into.recv)
            t.join()
        self.fill()
        self.out.cancel()
        self.assertRaises(annulus.Cancelled, self.out.send, bytes(1000))
        self.assertEqual(len(self.got()), 4)

    def test_interrupt(self):
        """Ctrl-C ends another process's wait, and with it its role."""
        self.into.close()
        p = subprocess.Popen([sys.executable, "-m", "annulus.peer", "recv", NAME, "--announce"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        with p:
            self.assertEqual(p.stdout.readline(), b"attached\n")
            asleep(self.ring)
            p.send_signal(signal.SIGINT)
            self.assertEqual(p.stderr.read(), b"recv: interrupted\n")
            self.assertEqual(p.wait(), 1)
        self.into = self.ring.consumer()


class TestMany(Case):
    config = {"topology": "mpmc", "capacity": 8, "slot_size": 24, "members": 6, "redeliver": True}

    def test_many(self):
        second, other = self.ring.producer("spin", tag=9), self.ring.consumer()
        self.assertRaises(annulus.Attached, self.ring.producer, tag=9)
        self.assertRaises(annulus.Invalid, self.ring.producer, "semaphore")
        self.out.send_batch([b"one", b"two", b"three"])
        one, two = self.into.peek(), other.peek()
        self.assertTrue(one == b"one" and two == b"two")
        self.assertRaises(annulus.Held, self.into.try_peek)
        self.into.release()
        other.close()
        second.send(b"four")
        self.assertEqual(second.committed, 1)
        self.assertEqual(self.into.recv(10), b"three")
        self.assertEqual(sorted([self.into.recv(10), self.into.recv(10)]), [b"four", b"two"])  # two was in other's hands
        second.close()

    def test_fork(self):
        """A child has nothing of its parent's rings, and does not keep its roles."""
        self.out.send(b"message")
        view = self.into.peek()
        room = self.out.reserve(5)
        room.view[:] = b"write"
        child = os.fork()
        if child == 0:
            try:
                for call in (self.into.recv, self.out.publish, lambda: self.ring.capacity, self.ring.recover):
                    try:
                        call()
                    except annulus.Invalid as e:
                        assert "fork" in str(e)
                    else:
                        os._exit(1)
                assert bytes(view) == bytes(7)
                room.view[:] = b"?????"
                view.release()
                self.into.close()
                room.view.release()
                del room
                self.out.close()
                self.ring.close()
                with annulus.open(NAME) as own:
                    assert own.attached("producer")
            except BaseException as e:
                print(repr(e), file=sys.stderr)
                os._exit(2)
            os._exit(0)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        self.assertEqual(view, b"message")
        self.into.release()
        room.commit()
        self.assertEqual(self.into.recv(1), b"write")

    def test_threads(self):
        each, sums, senders = 2000, [], [self.out, self.ring.producer()]

        def send(out, k):
            for i in range(k * each, (k + 1) * each):
                out.send(i.to_bytes(8, "little"))
            out.close()

        def receive(into):
            sums.append(sum(int.from_bytes(m, "little") for m in into))

        threads = [threading.Thread(target=receive, args=(c,)) for c in (self.into, self.ring.consumer())]
        threads += [threading.Thread(target=send, args=(p, k)) for k, p in enumerate(senders)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(sum(sums), each * (2 * each - 1))


class TestManyToOne(Case):
    config = {"topology": "mpsc", "members": 3}

    def test_lanes(self):
        second = self.ring.producer(tag=7)
        self.out.send_batch([b"a1", b"a2"])
        second.send(b"b1")
        got = self.got()
        self.assertEqual(sorted(got), [b"a1", b"a2", b"b1"])
        self.assertLess(got.index(b"a1"), got.index(b"a2"))
        self.out.close()
        self.assertIsNone(self.into.try_recv())
        second.close()
        self.assertRaises(annulus.End, self.into.recv)


class TestOrdered(TestManyToOne):
    config = {"topology": "mpsc-ordered", "members": 3}

    def test_order(self):
        second = self.ring.producer()
        for i in range(10):
            (self.out, second)[i % 2].send(str(i).encode())
        self.assertEqual(self.got(), [str(i).encode() for i in range(10)])
        second.close()


class TestBroadcast(Case):
    config = {"topology": "broadcast"}

    def test_overrun(self):
        lossy = self.ring.consumer(lossy=True)
        with annulus.open_file("/dev/shm/" + NAME, True) as same, same.consumer() as looking:
            self.out.send_batch([b"one", b"two"])
            self.assertEqual(looking.peek(), b"one")
            self.assertRaises(annulus.Held, looking.try_peek)
            looking.release()
        late = self.ring.consumer(backlog=True)
        self.assertEqual(late.recv(), b"one")
        late.close()
        for i in range(10):
            self.out.send(bytes([i]) * 800)
        self.assertEqual(lossy.recv(1), b"\x09" * 800)
        self.assertEqual(lossy.missed, 11)
        lossy.close()
        self.assertRaises(annulus.Overrun, self.into.recv)
        self.assertEqual((self.into.missed, self.into.recv()), (11, b"\x09" * 800))

    def test_policies(self):
        with self.assertRaises(ValueError):
            annulus.create(NAME + "-not", topology="broadcast", overrun="perhaps")
        with self.assertRaises(annulus.Invalid):
            annulus.create(NAME + "-not", overrun="drop")


class TestCells(unittest.TestCase):
    def setUp(self):
        self.cell = annulus.create_cell(NAME, 100, block=True)
        self.addCleanup(annulus.remove, NAME)

    def test_block(self):
        cell = self.cell
        self.assertTrue(cell.block and cell.size == 100 and not cell.closed)
        writer, reader = cell.writer(), cell.reader("spin")
        self.assertIsNone(reader.load())
        self.assertRaises(annulus.Timeout, reader.next, 0.005)
        writer.write(b"first")
        with annulus.open_cell_file("/dev/shm/" + NAME, True) as same:
            self.assertEqual(same.reader().load(), b"first")
        self.assertEqual((reader.next(), reader.version, writer.version), (b"first", 1, 1))
        draft = writer.begin()
        draft[:3] = b"two"
        self.assertRaises(annulus.Reserved, writer.begin)
        self.assertEqual(reader.load(), b"first")
        self.assertRaises(annulus.TooLarge, writer.commit, 101)
        part = draft[5:]
        self.assertRaisesRegex(BufferError, "still in use", writer.commit)
        part.release()
        writer.commit(3)
        self.assertRaises(ValueError, bytes, draft)
        self.assertRaises(annulus.NotReserved, writer.commit)
        self.assertEqual((reader.next(1), reader.version), (b"two", 2))
        writer.begin()
        writer.abort()
        writer.write(b"")
        self.assertEqual(reader.next(), b"")
        self.assertRaises(annulus.Attached, cell.writer)
        self.assertRaises(annulus.TooLarge, writer.write, bytes(101))
        self.assertRaisesRegex(annulus.Invalid, "still attached", cell.close)
        writer.close()
        self.assertRaises(annulus.End, reader.next)
        self.assertRaisesRegex(annulus.Invalid, "closed", writer.write, b"x")
        cell.close()
        for call in (reader.load, reader.next, cell.reader, lambda: cell.size):
            self.assertRaisesRegex(annulus.Invalid, "closed", call)

    def test_in_use(self):
        """Memory that somebody waits or writes in is not let go."""
        view = self.cell.writer().begin()
        gc.collect()
        self.assertRaisesRegex(annulus.Invalid, "in use", self.cell.close)
        view[:] = bytes(100)
        view.release()
        writer, reader = self.cell.writer(), self.cell.reader()
        answers = []

        def other():
            while True:
                try:
                    reader.load()
                except annulus.Invalid:
                    break
            try:
                self.cell.close()
            except annulus.Invalid as e:
                answers.append(str(e))
            reader.cancel()

        t = threading.Thread(target=other)
        t.start()
        self.assertRaises(annulus.Cancelled, reader.next)
        t.join()
        self.assertIn("a reader waits", answers[0])
        writer.close()
        self.cell.close()

    def test_value(self):
        annulus.remove(NAME)
        with annulus.create_cell(NAME, 8) as cell, cell.writer() as writer:
            writer.write(b"12345678")
            self.assertRaises(annulus.WrongSize, writer.write, b"123")
            self.assertRaises(annulus.NotRing, annulus.open, NAME)
            self.assertEqual(cell.reader().load(), b"12345678")


if __name__ == "__main__":
    unittest.main()
