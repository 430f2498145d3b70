package main

import (
	"os"

	"annulus/cmd/ringbench/internal/rig"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == rig.WorkerCommand {
		os.Exit(rig.WorkerMain(findTransport))
	}
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
