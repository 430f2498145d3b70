package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"runtime/debug"

	"annulus/internal/layout"
)

func versionCommand() *command {
	return &command{
		name:    "version",
		summary: "say what build this is",
		help: `Prints the version of the module and the revision it was built from, as far as
the build knows them (a plain "go run" and "go test" know no revision), the Go
version, and the version of the rings' layout: rings of another major version are
refused.`,
		examples: "ringbench version",
		setup: func(*flag.FlagSet) func(context.Context, *stdio, []string) error {
			return func(_ context.Context, io *stdio, _ []string) error {
				build, _ := debug.ReadBuildInfo()
				return printVersion(io.out, build)
			}
		},
	}
}

// printVersion prints a build, nil for one without a record of itself.
func printVersion(w io.Writer, build *debug.BuildInfo) error {
	version, goVersion, revision := "unknown", "unknown", "unknown"
	if build != nil {
		goVersion = build.GoVersion
		if build.Main.Version != "" {
			version = build.Main.Version
		}
		of := map[string]string{}
		for _, s := range build.Settings {
			of[s.Key] = s.Value
		}
		if of["vcs.revision"] != "" {
			revision = of["vcs.revision"]
			if of["vcs.time"] != "" {
				revision += " of " + of["vcs.time"]
			}
			if of["vcs.modified"] == "true" {
				revision += ", modified"
			}
		}
	}
	_, err := fmt.Fprintf(w, "ringbench  %s\nrevision   %s\ngo         %s\nlayout     %d.%d\n", version, revision, goVersion, layout.Major, layout.Minor)
	return err
}
