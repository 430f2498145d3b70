package load

import (
	"embed"
	"io/fs"
	"strings"
)

//go:embed profiles/*.yaml
var profiles embed.FS

// Builtin lists the names of the profiles that come along.
func Builtin() (names []string) {
	entries, err := fs.ReadDir(profiles, "profiles")
	if err != nil {
		panic(err) // the directory is embedded
	}
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return names
}

// Source returns the text of a profile that comes along.
func Source(name string) ([]byte, bool) {
	text, err := profiles.ReadFile("profiles/" + name + ".yaml")
	return text, err == nil
}
