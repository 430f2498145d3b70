package main

import (
	"os"

	"annulus/cmd/ringbench/internal/crowd"
	"annulus/cmd/ringbench/internal/doctor"
	"annulus/cmd/ringbench/internal/guard"
	"annulus/cmd/ringbench/internal/load"
	"annulus/cmd/ringbench/internal/rig"
	"annulus/cmd/ringbench/internal/stress"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == rig.WorkerCommand {
		os.Exit(rig.WorkerMain(findTransport))
	}
	if len(os.Args) > 2 && os.Args[1] == guard.Command {
		os.Exit(guard.Main(os.Args[2], guards()))
	}
	if len(os.Args) > 2 && os.Args[1] == crowd.WorkerCommand {
		os.Exit(crowd.WorkerMain(os.Args[2]))
	}
	if len(os.Args) > 2 && os.Args[1] == stress.WorkerCommand {
		os.Exit(stress.WorkerMain(os.Args[2]))
	}
	if len(os.Args) > 1 && os.Args[1] == doctor.TryCommand {
		os.Exit(doctor.TryMain(os.Args[2:], os.Stdout))
	}
	if len(os.Args) > 2 && os.Args[1] == completeCommand {
		os.Exit(completeMain(os.Args[2:], os.Stdout))
	}
	if len(os.Args) > 2 && os.Args[1] == load.WorkerCommand {
		os.Exit(load.WorkerMain(os.Args[2]))
	}
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
