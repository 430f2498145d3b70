package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"annulus/cmd/ringbench/internal/typeset"
)

// command is one subcommand. A new one is a file of its own and a line in
// commands.
type command struct {
	name     string
	args     string // what follows the flags, for the help
	summary  string // one line
	help     string // a paragraph or two
	examples string // one per line

	// setup declares the flags and returns what runs once they are parsed. It
	// gets the arguments that follow the flags.
	setup func(fs *flag.FlagSet) func(ctx context.Context, io *stdio, args []string) error
}

// stdio is what a command reads and prints.
type stdio struct {
	in       *os.File
	out, err io.Writer
}

// commands lists the subcommands in the order of the help. It is a function,
// because the help prints it.
func commands() []*command {
	return []*command{
		tourCommand(), compareCommand(), throughputCommand(), crowdCommand(), latencyCommand(), runCommand(), diffCommand(), topoCommand(), rivalsCommand(),
		produceCommand(), consumeCommand(), feedCommand(), drainCommand(), recordCommand(), replayCommand(),
		inspectCommand(), listCommand(), topCommand(), removeCommand(),
		repairCommand(), doctorCommand(), stressCommand(), completionCommand(), versionCommand(),
	}
}

// usageError is a mistake in the command line: one line, exit status 2.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// statusError is a failure with an exit status of its own.
type statusError struct {
	status int
	error
}

func (e statusError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

// run runs one command line and returns the exit status: 0, 1 after a failure
// or an interrupt, 2 after a mistake in the command line, or that of a statusError.
func run(args []string, stdin *os.File, stdout, stderr io.Writer) int {
	signals := []os.Signal{syscall.SIGINT, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // else it goes on without its terminal, as with nohup
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	defer stop()
	// A second signal is immediate: the kernel takes the workers along.
	context.AfterFunc(ctx, stop)

	name, err := dispatch(ctx, args, &stdio{stdin, stdout, stderr})
	if err == nil {
		return 0
	}
	if name != "" {
		name = " " + name
	}
	// Joined errors have a line each: it stays one line.
	fmt.Fprintf(stderr, "ringbench%s: %s\n", name, typeset.OneLine(err))
	if errors.As(err, &usageError{}) {
		return 2
	}
	var own statusError
	if errors.As(err, &own) {
		return own.status
	}
	return 1
}

// dispatch returns the name of the command that failed.
func dispatch(ctx context.Context, args []string, io *stdio) (string, error) {
	if len(args) == 0 {
		args = []string{"tour"}
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		return "help", help(io.out, args[1:])
	}
	if args[0] == "--version" {
		args = append([]string{"version"}, args[1:]...)
	}
	c := findCommand(args[0])
	if c == nil {
		what := "command"
		if strings.HasPrefix(args[0], "-") {
			what = "command before any flag"
		}
		return "", usagef("expected a %s (%s), found %q; see ringbench help", what, commandNames(), args[0])
	}
	fs := newFlagSet(c.name)
	action := c.setup(fs)
	rest, err := parse(fs, args[1:])
	if err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return c.name, printHelp(io.out, c)
		}
		return c.name, flagError(fs, c, err)
	}
	if c.args == "" && len(rest) > 0 {
		return c.name, usagef("expected only flags, found %q; see ringbench help %s", rest[0], c.name)
	}
	return c.name, action(ctx, io, rest)
}

// parse parses flags before, between and behind the other arguments, which it
// returns. All that follows "--" is no flag.
func parse(fs *flag.FlagSet, args []string) (rest []string, err error) {
	for {
		if err := fs.Parse(args); err != nil {
			return nil, err
		}
		left := fs.Args()
		if n := len(args) - len(left); len(left) == 0 || n > 0 && args[n-1] == "--" {
			return append(rest, left...), nil
		}
		rest, args = append(rest, left[0]), left[1:]
	}
}

func newFlagSet(name string) *flag.FlagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	return fs
}

// flagError says in one line what was expected and what was found.
func flagError(fs *flag.FlagSet, c *command, err error) error {
	text := err.Error()
	if name, ok := strings.CutPrefix(text, "flag provided but not defined: "); ok {
		var known []string
		fs.VisitAll(func(f *flag.Flag) { known = append(known, "--"+f.Name) })
		return usagef("expected one of %s, found -%s; see ringbench help %s", strings.Join(known, " "), name, c.name)
	}
	if name, ok := strings.CutPrefix(text, "flag needs an argument: "); ok {
		return usagef("expected a value after -%s, found nothing; see ringbench help %s", name, c.name)
	}
	if rest, ok := strings.CutPrefix(text, "invalid boolean value "); ok {
		value, name, _ := strings.Cut(rest, " for -")
		name, _, _ = strings.Cut(name, ":")
		return usagef("expected --%s alone, or with =true or =false, found %s; see ringbench help %s", name, value, c.name)
	}
	// The flag package says -size to who has typed --size.
	return usagef("%s; see ringbench help %s", strings.Replace(text, " for flag -", " for flag --", 1), c.name)
}

func findCommand(name string) *command {
	for _, c := range commands() {
		if c.name == name {
			return c
		}
	}
	return nil
}

func commandNames() string {
	var names []string
	for _, c := range commands() {
		names = append(names, c.name)
	}
	return strings.Join(append(names, "help"), ", ")
}
