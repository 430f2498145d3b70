package main

import (
	"context"
	"embed"
	"flag"
	"fmt"
	"slices"
	"strings"
)

// shells are those that a script is there for. The scripts ask completeCommand.
var shells = []string{"bash", "zsh", "fish"}

//go:embed shells
var scripts embed.FS

func completionCommand() *command {
	return &command{
		name:    "completion",
		args:    "SHELL",
		summary: "print what makes a shell complete command lines of ringbench",
		help: `Prints a script for SHELL, one of ` + strings.Join(shells, ", ") + `. It completes commands, flags, values of flags that
have names, rings in shared memory, addresses and files, by asking the ringbench that stands on the command line.

bash:  source <(ringbench completion bash), in ~/.bashrc
zsh:   source <(ringbench completion zsh), in ~/.zshrc, behind compinit
fish:  ringbench completion fish > ~/.config/fish/completions/ringbench.fish`,
		examples: `ringbench completion bash > ~/.local/share/bash-completion/completions/ringbench
ringbench completion zsh
ringbench completion fish`,
		setup: func(*flag.FlagSet) func(context.Context, *stdio, []string) error {
			return func(_ context.Context, io *stdio, args []string) error {
				if len(args) != 1 || !slices.Contains(shells, args[0]) {
					return usagef("expected one SHELL of %s, found %q", strings.Join(shells, ", "), args)
				}
				text, err := scripts.ReadFile("shells/ringbench." + args[0])
				if err != nil {
					return fmt.Errorf("the script for %s is missing: %w", args[0], err)
				}
				_, err = io.out.Write(text)
				return err
			}
		},
	}
}
