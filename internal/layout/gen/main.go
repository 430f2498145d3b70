// Gen writes what other languages and people need of package layout: the C
// header and the tables of the specification.
//
//	go run ./gen -c HEADER.h -doc SPEC.md
//	go run ./gen -java CLASS.java
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
)

func main() {
	c := flag.String("c", "", "write the C header to this `file`")
	doc := flag.String("doc", "", "replace the generated tables in this `file`")
	flag.Parse()
	if err := run(*c, *doc); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(c, doc string) error {
	if c != "" {
		if err := os.WriteFile(c, header(), 0o644); err != nil {
			return err
		}
	}
	if err := writeJava(); err != nil {
		return err
	}
	if doc == "" {
		return nil
	}
	old, err := os.ReadFile(doc)
	if err != nil {
		return err
	}
	text, err := replaceTables(old)
	if err != nil {
		return fmt.Errorf("%s: %w", doc, err)
	}
	if bytes.Equal(old, text) {
		return nil
	}
	return os.WriteFile(doc, text, 0o644)
}
