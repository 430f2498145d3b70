package main

import (
	"flag"
	"fmt"
	"io"
	"strings"
)

// help prints the list of commands or one command's help.
func help(w io.Writer, args []string) error {
	switch len(args) {
	case 0:
		return printCommands(w)
	case 1:
		if args[0] == "help" {
			return printCommands(w)
		}
		if c := findCommand(args[0]); c != nil {
			return printHelp(w, c)
		}
		return usagef("expected a command (%s), found %q", commandNames(), args[0])
	}
	return usagef("expected one command, found %d arguments", len(args))
}

func printCommands(w io.Writer) error {
	var b strings.Builder
	b.WriteString(`ringbench measures rings between processes, beside other ways to pass messages.
It also fills, drains, shows and removes rings that have a name.

usage: ringbench [command] [flags]

`)
	list := commands()
	for _, c := range list {
		fmt.Fprintf(&b, "  %-12s %s\n", c.name, c.summary)
	}
	fmt.Fprintf(&b, "  %-12s %s\n", "help COMMAND", "flags and examples of one command")
	b.WriteString(`
Without a command it gives the tour. An interrupt ends a measurement early and
prints what there is.

examples:
`)
	for _, c := range list {
		first, _, _ := strings.Cut(c.examples, "\n")
		fmt.Fprintf(&b, "  %s\n", first)
	}
	b.WriteString("\nexit status: 0 done, 1 failed or interrupted, 2 wrong command line, 3 diff: something got worse\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func printHelp(w io.Writer, c *command) error {
	fs := newFlagSet(c.name)
	c.setup(fs)
	var b strings.Builder
	args := ""
	if c.args != "" {
		args = " " + c.args
	}
	fmt.Fprintf(&b, "ringbench %s: %s\n\nusage: ringbench %s [flags]%s\n\n%s\n\nflags:\n", c.name, c.summary, c.name, args, c.help)
	fs.VisitAll(func(f *flag.Flag) {
		value, text := flag.UnquoteUsage(f)
		if value != "" {
			value = " " + value
		}
		fmt.Fprintf(&b, "  %-22s %s", "--"+f.Name+value, text)
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" && f.DefValue != "0s" {
			fmt.Fprintf(&b, " (default %s)", f.DefValue)
		}
		b.WriteString("\n")
	})
	b.WriteString("\nexamples:\n")
	for line := range strings.Lines(c.examples) {
		b.WriteString("  " + strings.TrimRight(line, "\n") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
