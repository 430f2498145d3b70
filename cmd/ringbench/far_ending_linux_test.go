package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// certify makes a certificate that is its own authority, and returns flags for either side.
func certify(t testing.TB, dir string) []string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	must(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	cert, name := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	must(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	must(t, os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
	return []string{"--cert", cert, "--key", name, "--ca", cert}
}

// A signal in the middle: what feed has sent, and what drain has written, is whole.
func TestSignalToFeedAndDrain(t *testing.T) {
	for _, first := range []string{"feed", "drain"} {
		t.Run(first, func(t *testing.T) {
			name, file := ringName(t), filepath.Join(t.TempDir(), "out")
			d := launch(t, nil, nil, "drain", "--stats", "--capacity", "64K", name, "file:"+file)
			attached(t, name, false, true)
			f := launch(t, endless(t), nil, "feed", "stdin:", "--stats", name)
			eventually(t, "much has passed", func() bool { return look(t, name).Consumer.Messages > 20000 })
			if first == "feed" {
				f.Signal(syscall.SIGTERM)
				f.ends(0, "sent ")
			} else {
				d.Signal(syscall.SIGTERM)
				if f.State().ExitCode() != 1 || !strings.Contains(f.Complaints(), "has closed it: ") {
					t.Errorf("feed ended with %v, %s", f.State(), f.Complaints())
				}
			}
			d.ends(0, "received ")
			got, err := os.ReadFile(file)
			must(t, err)
			if n := count(t, string(got)); n != d.amount() || n != f.amount() {
				t.Errorf("%d lines, %d sent, %d received", n, f.amount(), d.amount())
			}
		})
	}
}

// graced is a ringbench that is not patient after a signal.
func graced(t *testing.T, stdin *os.File, args ...string) *process {
	cmd := ringbench(t, args...)
	cmd.Env = append(cmd.Env, asGrace+"=50ms")
	if stdin == nil {
		return launchCmd(t, nil, nil, cmd)
	}
	return launchCmd(t, stdin, nil, cmd)
}

func TestSignalToFeedOfFullRing(t *testing.T) {
	name := ringName(t)
	f := graced(t, endless(t), "feed", "stdin:", name)
	eventually(t, "the ring is full", func() bool { return look(t, name).Producer.Asleep })
	f.Signal(syscall.SIGTERM)
	f.ends(0, "stayed full")
	count(t, string(passes(t, nil, "consume", name)))
}

// Nobody is there: a signal ends the waiting, and the ring keeps all.
func TestSignalToDrainWithoutPeer(t *testing.T) {
	name := ringName(t)
	passes(t, []byte(numbered(0, 100)), "produce", name)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, l.Close())
	d := graced(t, nil, "drain", name, "tcp://"+l.Addr().String())
	eventually(t, "it has tried", func() bool { return strings.Contains(d.Complaints(), "refused") })
	d.Signal(syscall.SIGTERM)
	if state, text := d.State(), d.Complaints(); state.ExitCode() != 1 || !strings.Contains(text, "the rest stays in the ring") || strings.Count(text, "\n") != 2 {
		t.Errorf("it ended with %v: %s", state, text)
	}
	if got := string(passes(t, nil, "consume", name)); got != numbered(0, 100) {
		t.Errorf("%d lines are left", strings.Count(got, "\n"))
	}
}

// What a peer that breaks the connection has not got stays in the ring.
func TestDrainToBrokenPeer(t *testing.T) {
	const n = 30000
	name := ringName(t)
	passes(t, []byte(numbered(0, n)), "produce", name)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	d := launch(t, nil, nil, "drain", name, "tcp://"+l.Addr().String(), "--once")
	c, err := l.Accept()
	must(t, err)
	must(t, c.(*net.TCPConn).SetReadBuffer(4096))
	peer := bufio.NewReader(c)
	read := 0
	for ; read < 1000; read++ {
		_, err := peer.ReadString('\n')
		must(t, err)
	}
	must(t, l.Close())
	must(t, c.(*net.TCPConn).SetLinger(0)) // a reset
	must(t, c.Close())
	if state, text := d.State(), d.Complaints(); state.ExitCode() != 1 || !strings.Contains(text, "the rest stays in the ring") {
		t.Fatalf("it ended with %v: %s", state, text)
	}
	rest := string(passes(t, nil, "consume", name))
	first := n - strings.Count(rest, "\n")
	if rest != numbered(first, n-first) {
		t.Errorf("%d lines are left, not the last ones", n-first)
	}
}

func TestDrainToFullDisk(t *testing.T) {
	name := ringName(t)
	passes(t, []byte("1\n2\n"), "produce", name)
	for _, url := range []string{"file:/dev/full", "stdout:"} {
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		must(t, err)
		args := []string{"drain", name, url}
		if url != "stdout:" {
			args = append(args, "--append")
		}
		launch(t, nil, full, args...).ends(1, "no space left on device: 0 messages were written and released, the rest stays in the ring")
		full.Close()
	}
	if got := string(passes(t, nil, "consume", name)); got != "1\n2\n" {
		t.Errorf("%q", got)
	}
}

func TestRecordAndReplay(t *testing.T) {
	from, to, file := ringName(t), ringName(t), filepath.Join(t.TempDir(), "capture")
	for from2 := 0; from2 < 2000; from2 += 1000 {
		passes(t, []byte(numbered(from2, 1000)), "produce", from)
		passes(t, nil, "record", from, file, "--append")
	}
	for _, pace := range []string{"--fast", "--pace=1e6", "--pace=1"} {
		passes(t, nil, "replay", pace, file, to)
		if n := count(t, string(passes(t, nil, "consume", to))); n != 2000 {
			t.Errorf("%s: %d lines", pace, n)
		}
	}
	passes(t, []byte("x\n"), "produce", from)
	if status, _, text := call("record", from, file); status != 1 || !strings.Contains(text, "is there already: expected --append, --truncate or another name") {
		t.Errorf("exit status %d: %s", status, text)
	}
	passes(t, nil, "record", "--truncate", "--sync", "each", from, file)

	info, err := os.Stat(file)
	must(t, err)
	must(t, os.Truncate(file, info.Size()-1))
	if status, _, text := call("replay", "--fast", file, to); status != 1 || !strings.Contains(text, "torn tail") || strings.Count(text, "\n") != 1 {
		t.Errorf("exit status %d: %s", status, text)
	}
	if status, _, text := call("replay", "--fast", "--recover", file, to); status != 0 || !strings.Contains(text, "torn tail") || strings.Count(text, "\n") != 1 {
		t.Errorf("exit status %d: %s", status, text)
	}
}

// What is wrong with the far end is one line, and leaves no ring behind.
func TestFeedOfNothing(t *testing.T) {
	name, dir := ringName(t), t.TempDir()
	for _, c := range []struct{ url, want string }{
		{"file:" + dir + "/none", "no such file"}, {"file:" + dir, "expected a file, found a directory"},
		{"fifo:" + dir + "/none", "no such file"}, {"fifo:/dev/null", "expected a FIFO"},
		{"mq:/ringbench-test-none", "no such file"}, {fmt.Sprintf("sysv:%#x", 0x52420000+os.Getpid()&0xffff), "no such file"}, {"sysv:" + dir + "/none", "no such file"},
		{"unix:///proc/none --listen", "proc/none"}, {"tls://127.0.0.1:1 --ca " + dir + "/none", "no such file"},
	} {
		status, _, text := call(append([]string{"feed", name}, strings.Fields(c.url)...)...)
		if status != 2 { // the wrong way round
			t.Errorf("%s: exit status %d: %s", c.url, status, text)
		}
		status, _, text = call(append(append([]string{"feed"}, strings.Fields(c.url)...), name)...)
		if status != 1 || !strings.Contains(text, c.want) || strings.Count(text, "\n") != 1 {
			t.Errorf("%s: exit status %d: %s", c.url, status, text)
		}
	}
	if d := look(t, name); d.Name != "" {
		t.Errorf("a ring was made: %+v", d)
	}
}
