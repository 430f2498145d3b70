//go:build amd64 || arm64 || loong64 || riscv64

package feed

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"annulus/ring"

	"golang.org/x/sys/unix"
)

// First and last real-time signal that programs may use: the C library and the Go runtime keep two.
const (
	sigRTMin = 34
	sigRTMax = 64
)

// blockedEnv tells a program that BlockSignals started again which process did.
const blockedEnv = "ANNULUS_SIGNALS_BLOCKED"

func signalSet(sigs []syscall.Signal) (set unix.Sigset_t, err error) {
	if len(sigs) == 0 {
		return set, fmt.Errorf("feed: no signals: %w", os.ErrInvalid)
	}
	for _, s := range sigs {
		if s < 1 || s > sigRTMax || s == 32 || s == 33 || s == syscall.SIGKILL || s == syscall.SIGSTOP || s == syscall.SIGURG {
			return set, fmt.Errorf("feed: signal %d: expected 1 to %d without SIGKILL, SIGSTOP, SIGURG, 32 and 33: %w", int(s), sigRTMax, os.ErrInvalid)
		}
		set.Val[0] |= 1 << (s - 1)
	}
	return set, nil
}

// BlockSignals makes sure that all threads of this process block the signals, which Signals needs. A program
// calls it first thing in main. If they are not blocked it starts the program again, in this
// process, by execve(2): same PID, arguments, environment, and open files that are not
// close-on-exec; so what stands before the call is done twice. It returns nil the second time, and at once where whoever
// started the program had them blocked. Programs that this one starts inherit that
// they are blocked. See docs/decisions/0010-queued-signals.md.
func BlockSignals(sigs ...syscall.Signal) error {
	set, err := signalSet(sigs)
	if err != nil {
		return err
	}
	pid := strconv.Itoa(os.Getpid())
	again := os.Getenv(blockedEnv) == pid
	_ = os.Unsetenv(blockedEnv) // it fails for no name but an empty one
	if exe, err := os.Executable(); again && err == nil {
		_ = os.WriteFile("/proc/self/comm", []byte(filepath.Base(exe)), 0) // which is "exe" now: for ps alone
	}
	open, err := unblocked(set.Val[0])
	if err != nil || open == "" {
		return err
	}
	if again {
		return fmt.Errorf("feed: signals %v: %s although it was started with them blocked: %w", sigs, open, os.ErrInvalid)
	}
	runtime.LockOSThread() // it is this thread's mask that the program inherits
	defer runtime.UnlockOSThread()
	var old unix.Sigset_t
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &set, &old); err != nil {
		return fmt.Errorf("feed: block signals: %w", err)
	}
	err = syscall.Exec("/proc/self/exe", os.Args, append(os.Environ(), blockedEnv+"="+pid))
	return errors.Join(fmt.Errorf("feed: start the program again with signals blocked: %w", err), unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil))
}

// unblocked says which thread lets one of the signals of a mask through; "": none.
func unblocked(mask uint64) (string, error) {
	files, err := filepath.Glob("/proc/self/task/*/status")
	if err != nil || len(files) == 0 {
		return "", fmt.Errorf("feed: no /proc to see which signals are blocked: %w", errors.ErrUnsupported)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue // that thread has ended
		}
		_, rest, _ := strings.Cut(string(b), "\nSigBlk:")
		line, _, _ := strings.Cut(rest, "\n")
		if blocked, err := strconv.ParseUint(strings.TrimSpace(line), 16, 64); err != nil || mask&^blocked != 0 {
			return fmt.Sprintf("thread %s blocks %#x, wanted %#x", filepath.Base(filepath.Dir(f)), blocked, mask), nil
		}
	}
	return "", nil
}

// Signals returns a source of signals that are sent to this process, each a Signal: all of the
// real-time ones (34 to 64), with their values and in order for each number; of the others
// the kernel keeps one of a number at a time. They must be blocked in all threads, see BlockSignals, and
// nobody may be notified of them by os/signal. The kernel keeps what is not read yet,
// up to RLIMIT_SIGPENDING (ulimit -i), beyond which the sender is told EAGAIN: so a full ring holds up the senders.
func Signals(sigs ...syscall.Signal) (Source, error) {
	set, err := signalSet(sigs)
	if err != nil {
		return nil, err
	}
	if open, err := unblocked(set.Val[0]); err != nil {
		return nil, err
	} else if open != "" {
		return nil, fmt.Errorf("feed: signals %v: %s, so that they would be lost; call BlockSignals first thing in main: %w", sigs, open, os.ErrInvalid)
	}
	fd, err := unix.Signalfd(-1, &set, unix.SFD_NONBLOCK|unix.SFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("feed: signalfd: %w", err)
	}
	s := &signals{stopper: newStopper(), file: os.NewFile(uintptr(fd), "signalfd")}
	s.infos, s.buf = signalInfos(32)
	return s, nil
}

type signals struct {
	stopper
	file  *os.File
	infos []unix.SignalfdSiginfo
	buf   []byte // the same
	msg   []byte
}

// Fill is Source.Fill.
func (s *signals) Fill(in *Intake) error {
	if s.over() {
		return ErrStopped
	}
	if err := in.fits(SignalSize, "a source of signals"); err != nil {
		return err
	}
	n, err := s.file.Read(s.buf)
	if err != nil {
		if s.cause(err) == ErrStopped {
			return ErrStopped
		}
		return fmt.Errorf("feed: signals: %w", err)
	}
	got := s.infos[:n*len(s.infos)/len(s.buf)]
	for k, i := range got {
		s.msg = Signal{syscall.Signal(i.Signo), i.Code, i.Pid, i.Uid, i.Ptr}.AppendTo(s.msg[:0])
		if err := in.Put(s.msg); err != nil {
			return fmt.Errorf("%w (signals that were received and are lost: %d)", err, len(got)-k)
		}
	}
	return nil
}

// Stop is Source.Stop.
func (s *signals) Stop() {
	s.stopper.Stop()
	_ = s.file.SetReadDeadline(past) // a signalfd can be polled; else it is closed
}

// Close is Source.Close.
func (s *signals) Close() error { return s.file.Close() }

// SignalTo returns a sink that sends a real-time signal (34 to 64) to p for each message, whose eight
// bytes, little-endian, are the signal's value, as by sigqueue(3). It goes by the pidfd that
// p holds: never to another process that has got the same PID since. A message of another
// size is refused with ring.ErrSize. The end of the process is os.ErrProcessDone. Where
// so many signals are pending as RLIMIT_SIGPENDING allows, the sink asks again until they are taken,
// every 20 ms at least. errors.ErrUnsupported: no pidfds (before Linux 5.4), or not 64-bit Linux.
func SignalTo(p *os.Process, sig syscall.Signal) (Sink, error) {
	if sig < sigRTMin || sig > sigRTMax {
		return nil, fmt.Errorf("feed: signal %d: expected %d to %d, of which the kernel loses none: %w", int(sig), sigRTMin, sigRTMax, os.ErrInvalid)
	}
	s := &signaller{sig: sig, pid: p.Pid, uid: os.Getuid(), self: os.Getpid(), fd: -1, stopper: newStopper()}
	err := p.WithHandle(func(handle uintptr) {
		s.fd, s.err = unix.FcntlInt(handle, unix.F_DUPFD_CLOEXEC, 0)
	})
	switch {
	case errors.Is(err, os.ErrNoHandle):
		err = errors.Join(errors.ErrUnsupported, err)
	case err == nil:
		err = s.err
	}
	if err != nil {
		return nil, fmt.Errorf("feed: signals to process %d: %w", p.Pid, err)
	}
	return s, nil
}

type signaller struct {
	stopper
	sig            syscall.Signal
	pid, self, uid int
	fd             int
	err            error
}

// Take is Sink.Take.
func (s *signaller) Take(msgs [][]byte) (int, error) { return sendEach(msgs, s.send) }

func (s *signaller) send(msg []byte, wait bool) error {
	if len(msg) != 8 {
		return fmt.Errorf("feed: signals to process %d: %w: the value of a signal has 8 bytes, found %d", s.pid, ring.ErrSize, len(msg))
	}
	if s.over() {
		return ErrStopped
	}
	nap := backoff{50 * time.Microsecond, 20 * time.Millisecond}
	for {
		err := pidfdQueue(s.fd, s.sig, binary.LittleEndian.Uint64(msg), s.self, s.uid)
		switch {
		case err == nil:
			return nil
		case err == unix.EAGAIN && !wait:
			return errNone
		case err == unix.ESRCH:
			return fmt.Errorf("feed: signals to process %d: %w", s.pid, os.ErrProcessDone)
		case err != unix.EAGAIN:
			return fmt.Errorf("feed: signals to process %d: %w", s.pid, err)
		}
		if !nap.wait(s.stopped) {
			return ErrStopped
		}
	}
}

// Close is Sink.Close.
func (s *signaller) Close() error {
	fd := s.fd
	s.fd = -1
	if fd < 0 {
		return nil
	}
	return unix.Close(fd)
}
