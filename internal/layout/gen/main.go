// Gen writes what other languages and people need of package layout: the C
// header, the Rust module and the tables of the specification.
//
//	go run ./gen -c HEADER.h -rust MODULE.rs -doc SPEC.md
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
)

func main() {
	c := flag.String("c", "", "write the C header to this `file`")
	rs := flag.String("rust", "", "write the Rust module to this `file`")
	doc := flag.String("doc", "", "replace the generated tables in this `file`")
	flag.Parse()
	if err := run(*c, *rs, *doc); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(c, rs, doc string) error {
	if c != "" {
		if err := os.WriteFile(c, header(), 0o644); err != nil {
			return err
		}
	}
	if rs != "" {
		if err := os.WriteFile(rs, rust(), 0o644); err != nil {
			return err
		}
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
