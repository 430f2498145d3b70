package feed

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
)

// TLSFiles names the PEM files of a TLS configuration. Cert and Key go together, and a listener
// needs them.
type TLSFiles struct {
	Cert string // own certificate, and those between it and the CA
	Key  string // of Cert
	CA   string // certificates that the peer's must be signed by. A listener with it takes only clients that have such; a client without it believes the system's
	Name string // clients: the name that the server's certificate must hold, if it is not the address'
}

// Load returns a configuration of TLS 1.3 for a listener or a client. The files are read once.
func (f TLSFiles) Load() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS13, ServerName: f.Name}
	if (f.Cert == "") != (f.Key == "") {
		return nil, fmt.Errorf("feed: TLS: expected a certificate and its key, found only one: certificate %q, key %q", f.Cert, f.Key)
	}
	if f.Cert != "" {
		pair, err := loadPair(f.Cert, f.Key)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	if f.CA != "" {
		pool, err := loadCA(f.CA)
		if err != nil {
			return nil, err
		}
		config.RootCAs, config.ClientCAs, config.ClientAuth = pool, pool, tls.RequireAndVerifyClientCert
	}
	return config, nil
}

func loadPair(cert, key string) (tls.Certificate, error) {
	c, err := os.ReadFile(cert)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("feed: TLS certificate: %w", err)
	}
	k, err := os.ReadFile(key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("feed: TLS key: %w", err)
	}
	pair, err := tls.X509KeyPair(c, k)
	if err != nil {
		return pair, fmt.Errorf("feed: TLS certificate %s and key %s: %w", cert, key, err)
	}
	return pair, nil
}

// loadCA reads certificates; what is not one is an error, not passed over.
func loadCA(name string) (*x509.CertPool, error) {
	rest, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("feed: TLS CA: %w", err)
	}
	pool := x509.NewCertPool()
	for n := 0; ; n++ {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil {
			if n == 0 || len(bytes.TrimSpace(rest)) > 0 {
				return nil, fmt.Errorf("feed: TLS CA %s: expected certificates in PEM, found something else behind %d of them", name, n)
			}
			return pool, nil
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("feed: TLS CA %s: expected certificates in PEM, found %q", name, block.Type)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("feed: TLS CA %s: certificate %d: %w", name, n+1, err)
		}
		pool.AddCert(c)
	}
}

// atLeast13 returns a copy of config that speaks no version of TLS before 1.3.
func atLeast13(config *tls.Config) *tls.Config {
	config = config.Clone()
	config.MinVersion = max(config.MinVersion, tls.VersionTLS13)
	if get := config.GetConfigForClient; get != nil {
		config.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			own, err := get(h)
			if own != nil {
				own = atLeast13(own)
			}
			return own, err
		}
	}
	return config
}

// errNoCertificate: of a listener.
var errNoCertificate = errors.New("expected a certificate and its key, found none: a listener needs them")
