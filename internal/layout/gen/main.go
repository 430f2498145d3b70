// Gen writes what other languages and people need of package layout: the C
// header, the Rust module, the Java class and the tables of the specification.
//
//	go run ./gen -c HEADER.h -rust MODULE.rs -java CLASS.java -doc SPEC.md
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
)

func main() {
	targets := []struct {
		file *string
		text func() []byte
	}{
		{flag.String("c", "", "write the C header to this `file`"), header},
		{flag.String("rust", "", "write the Rust module to this `file`"), rust},
		{flag.String("java", "", "write the Java class to this `file`"), java},
	}
	doc := flag.String("doc", "", "replace the generated tables in this `file`")
	flag.Parse()
	var err error
	for _, t := range targets {
		if *t.file != "" && err == nil {
			err = os.WriteFile(*t.file, t.text(), 0o644)
		}
	}
	if *doc != "" && err == nil {
		err = updateTables(*doc)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func updateTables(doc string) error {
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
