package main

import "os"

func main() {
	if len(os.Args) > 1 {
		if play := hidden[os.Args[1]]; play != nil {
			os.Exit(play(os.Args[2:]))
		}
	}
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
