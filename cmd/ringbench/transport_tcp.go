package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"math/big"
	"net"
	"time"

	"annulus/cmd/ringbench/internal/rig"
)

// tcpTransport is a TCP connection over the loopback, with TCP_NODELAY as Go has it.
func tcpTransport() *rig.Transport {
	return &rig.Transport{
		Name: "tcp", Topology: "spsc", Sleeps: "netpoller", Family: "socket",
		Setup: func(*rig.Params) (*rig.Wiring, error) { return setupTCP(nil) },
		Open: func(job *rig.Job) (rig.Link, error) {
			conn, err := connOf(job.Files[0])
			if err != nil {
				return nil, err
			}
			return streamOf(conn, job), nil
		},
	}
}

func streamOf(conn net.Conn, job *rig.Job) rig.Link {
	return &stream{w: conn, r: conn, size: job.Params.Size, batch: job.Params.Batch}
}

func setupTCP(spec any) (*rig.Wiring, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer l.Close()
	sender, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		return nil, err
	}
	defer sender.Close() // the workers have copies
	receiver, err := l.Accept()
	if err != nil {
		return nil, err
	}
	defer receiver.Close()
	if found := receiver.RemoteAddr().String(); found != sender.LocalAddr().String() {
		return nil, fmt.Errorf("expected a connection from %v, found one from %s: somebody else has connected", sender.LocalAddr(), found)
	}
	return handOver(sender.(*net.TCPConn), receiver.(*net.TCPConn), spec)
}

// tlsTransport is TLS 1.3 over such a connection. The receiver is the server, with a certificate
// that is made for the measurement.
func tlsTransport() *rig.Transport {
	return &rig.Transport{
		Name: "tls", Topology: "spsc", Sleeps: "netpoller", Family: "socket",
		Setup: func(*rig.Params) (*rig.Wiring, error) {
			id, err := newIdentity()
			if err != nil {
				return nil, err
			}
			return setupTCP(id)
		},
		Open: openTLS,
	}
}

const tlsName = "ringbench"

// identity is a certificate and its key, in DER.
type identity struct{ Cert, Key []byte }

func newIdentity() (*identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	about := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{tlsName},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	id := new(identity)
	if id.Cert, err = x509.CreateCertificate(rand.Reader, about, about, key.Public(), key); err != nil {
		return nil, err
	}
	id.Key, err = x509.MarshalPKCS8PrivateKey(key)
	return id, err
}

func openTLS(job *rig.Job) (rig.Link, error) {
	var id identity
	if err := json.Unmarshal(job.Spec, &id); err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(id.Cert)
	if err != nil {
		return nil, err
	}
	tcp, err := connOf(job.Files[0])
	if err != nil {
		return nil, err
	}
	var conn *tls.Conn
	if job.Role == rig.Send {
		roots := x509.NewCertPool()
		roots.AddCert(cert)
		conn = tls.Client(tcp, &tls.Config{ServerName: tlsName, RootCAs: roots, MinVersion: tls.VersionTLS13})
	} else {
		key, err := x509.ParsePKCS8PrivateKey(id.Key)
		if err != nil {
			return nil, err
		}
		chain := tls.Certificate{Certificate: [][]byte{id.Cert}, PrivateKey: key}
		conn = tls.Server(tcp, &tls.Config{Certificates: []tls.Certificate{chain}, MinVersion: tls.VersionTLS13})
	}
	if err := conn.HandshakeContext(context.Background()); err != nil {
		return nil, err
	}
	return streamOf(conn, job), nil
}
