package ring_test

import (
	"os"
	"testing"
)

var pid = os.Getpid()

func TestMain(m *testing.M) { os.Exit(m.Run()) }
