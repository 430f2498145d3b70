package main

import (
	"os"

	"annulus/cmd/ringbench/internal/rig"
	"annulus/cmd/ringbench/internal/stress"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == rig.WorkerCommand {
		os.Exit(rig.WorkerMain(findTransport))
	}
	if len(os.Args) > 2 && os.Args[1] == stress.WorkerCommand {
		os.Exit(stress.WorkerMain(os.Args[2]))
	}
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
