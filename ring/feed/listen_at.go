package feed

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
)

// Listen returns a listener at address, one of Addresses, for ListenInto and ListenOutOf; port 0 is
// any that is free. config is for tls: and, if it is not nil, unix:; at least version 1.3 is
// spoken. The file of a Unix socket is its owner's alone from the start, and is
// removed when the listener is closed.
func Listen(ctx context.Context, address string, config *tls.Config) (net.Listener, error) {
	t, err := parseAddress(address, &config)
	if err != nil {
		return nil, err
	}
	if t.secure && len(config.Certificates) == 0 && config.GetCertificate == nil && config.GetConfigForClient == nil {
		return nil, fmt.Errorf("feed: %s: TLS: %w", address, errNoCertificate)
	}
	var c net.ListenConfig
	c.SetMultipathTCP(false) // see Writer
	if t.network == "unix" || t.network == "unixpacket" {
		c.Control = ownerOnly
	}
	l, err := c.Listen(ctx, t.network, t.address)
	if err != nil {
		if errors.Is(err, syscall.EADDRINUSE) && strings.HasPrefix(t.network, "unix") && t.address[0] == '/' {
			if info, serr := os.Lstat(t.address); serr == nil && info.Mode()&os.ModeSocket == 0 {
				err = fmt.Errorf("%w: expected no file there yet, found %s", err, kindOf(info.Mode()))
			} else {
				err = fmt.Errorf("%w: remove %s if nobody listens there any more", err, t.address)
			}
		}
		return nil, fmt.Errorf("feed: %s: %w", address, err)
	}
	if t.secure {
		l = tls.NewListener(l, config)
	}
	return l, nil
}
