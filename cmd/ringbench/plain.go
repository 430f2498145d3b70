package main

import (
	"fmt"
	"strings"
)

// wordsOf are words of package feed, and what they are here: options become flags.
var wordsOf = []string{
	": feed: ", ": ",
	"; Create makes one", "; --create makes one",
	"Recover goes on", "--recover goes on",
	"(CutTorn; ", "(--cut; ",
	"greater MaxSize", "greater --message-size",
	"or the pump WithSkip", "or use --skip",
}

var inFlags = strings.NewReplacer(wordsOf...)

// plain is an error of package feed in the words of this command.
func plain(err error) error {
	text := inFlags.Replace(strings.TrimPrefix(err.Error(), "feed: "))
	if text != err.Error() {
		return because(err, "%s", text)
	}
	return err
}

// at is plain with the place, if the error does not name it.
func (f *far) at(err error) error {
	err = plain(err)
	if name := strings.TrimLeft(f.rest, "/"); name != "" && strings.Contains(err.Error(), name) {
		return err
	}
	return fmt.Errorf("%s: %w", f.place(), err)
}
