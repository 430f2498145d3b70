// Package killpoint lets tests kill a process at a named place: in a build with
// the tag killpoints, Here(name) raises SIGKILL when its turn comes; in every
// other build it is nothing, and costs nothing.
//
// A process is armed by the environment variable ANNULUS_KILLPOINT=NAME:N: it
// dies at the Nth time that it comes to NAME. With NAME:N:stop it is stopped there, and goes
// on with SIGCONT.
package killpoint

// Env is the environment variable that arms a process.
const Env = "ANNULUS_KILLPOINT"

// Names lists the places, in no order. A test holds it against the calls of Here.
var Names = []string{
	"intent", "drawn", "filled", "committed", "published",
	"received", "settling", "settled",
	"repairing", "repaired", "handing", "handed",
	"joined", "announced", "leaving", "left",
	"padded", "aborting",
	"put", "swept", "sent", "released",
	"staged", "taken", "partly", "turned", "passed",
	"completing", "completed",
	"raised", "wrapped", "half", "latest", "copied", "placed", "burying", "buried",
}
