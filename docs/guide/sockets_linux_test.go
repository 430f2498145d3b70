package guide

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"

	"annulus/ring"
	"annulus/ring/feed"
)

func Example_sockets() {
	report(sockets(context.Background()))
	// Output:
	// one
	// two
}

func sockets(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := certify(dir); err != nil {
		return err
	}
	return shown(ctx, 2, func(ctx context.Context, p *ring.Producer) error { return listenAndSend(ctx, p, dir) }, text)
}

func listenAndSend(ctx context.Context, p *ring.Producer, dir string) error {
	server, err := feed.TLSFiles{Cert: dir + "/server.pem", Key: dir + "/server.key", CA: dir + "/ca.pem"}.Load()
	if err != nil {
		return err
	}
	l, err := feed.Listen(ctx, "tls://127.0.0.1:0", server) // or tcp://HOST:PORT, unix:///PATH, unix://@NAME: without TLS
	if err != nil {
		return err
	}
	pump := feed.ListenInto(l, feed.Lines(), []*ring.Producer{p})
	defer ring.CloseOnSignal(pump)() // SIGINT and SIGTERM: Finish; what was read whole is in the ring
	sent := make(chan error, 1)
	go func() {
		sent <- passed(ctx, func(c *ring.Consumer) error { return sendTo(ctx, c, dir, l.Addr().String()) }, "one", "two")
	}()
	err = pump.Run(ctx)
	if serr := <-sent; !errors.Is(serr, context.Canceled) {
		return errors.Join(err, serr)
	}
	return err
}

func sendTo(ctx context.Context, c *ring.Consumer, dir, address string) error {
	client, err := feed.TLSFiles{Cert: dir + "/client.pem", Key: dir + "/client.key", CA: dir + "/ca.pem"}.Load()
	if err != nil {
		return err
	}
	sink, err := feed.DialSink("tls://"+address, feed.Lines(), feed.Dial{TLS: client})
	if err != nil {
		return err
	}
	return feed.OutOf(c, sink).Run(ctx)
}

// certify makes a CA in dir, and certificates by it for a server and a client.
func certify(dir string) error {
	var ca *x509.Certificate
	var caKey *ecdsa.PrivateKey
	for i, name := range []string{"ca", "server", "client"} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return err
		}
		c := &x509.Certificate{SerialNumber: big.NewInt(int64(i + 1)), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
		if i == 0 {
			c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
			ca, caKey = c, key
		}
		der, err := x509.CreateCertificate(rand.Reader, c, ca, &key.PublicKey, caKey)
		if err != nil {
			return err
		}
		secret, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return err
		}
		for file, b := range map[string]*pem.Block{"pem": {Type: "CERTIFICATE", Bytes: der}, "key": {Type: "PRIVATE KEY", Bytes: secret}} {
			if err := os.WriteFile(fmt.Sprintf("%s/%s.%s", dir, name, file), pem.EncodeToMemory(b), 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}
