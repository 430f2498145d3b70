package rival

import (
	"fmt"
	"os/exec"
)

// Missing is the error for a rival that is not to be had as things are.
type Missing struct {
	Name string
	Why  string // what was expected and what was found, one line
	Do   string // the command that helps; "" where none does
}

// Error is one line with all of it.
func (m *Missing) Error() string {
	if m.Do == "" {
		return m.Name + ": " + m.Why
	}
	return fmt.Sprintf("%s: %s: %s", m.Name, m.Why, m.Do)
}

// tool is a program that must be installed.
type tool struct{ name, install string }

var (
	gcc   = tool{"gcc", "apt-get install gcc"}
	gxx   = tool{"g++", "apt-get install g++"}
	java  = tool{"java", "apt-get install default-jdk-headless"}
	javac = tool{"javac", "apt-get install default-jdk-headless"}
	mvn   = tool{"mvn", "apt-get install maven"}
	cargo = tool{"cargo", "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh"}
)

// find returns the tool's path; the error is a *Missing.
func (t tool) find(r *Rival) (string, error) {
	path, err := exec.LookPath(t.name)
	if err != nil {
		return "", &Missing{r.Name, "needs " + t.name + ", which is not installed", t.install}
	}
	return path, nil
}
