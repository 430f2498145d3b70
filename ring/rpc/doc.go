// Package rpc is request and response over rings: a server with one ring of
// requests, in which every client has a lane, and a ring of replies for each.
//
//	s, err := rpc.Listen("calc", rpc.Config{})
//	add := rpc.Method[[2]int, int]{Name: "add"}
//	add.Handle(s, func(ctx context.Context, v [2]int) (int, error) { return v[0] + v[1], nil })
//	err = s.Serve(ctx)
//
//	c, err := rpc.Dial("calc")
//	sum, err := add.Call(ctx, c, [2]int{1, 2})
//
// All rings are the server's, in POSIX shared memory: NAME, and NAME.reply.0 and so on. A
// client that is killed leaves nothing behind, its place goes to the next one. Replies carry
// the number of the call, so that what was meant for a dead client reaches nobody.
//
// A request is run once or not at all, never twice. A caller that gets ErrNoServer does not
// know which; neither its repetition nor the server's successor knows of the first try.
//
// Between trusting peers of one user only: a handler reads its request where the client could still
// write. Lengths, places, numbers and states are checked: a client that writes nonsense
// spoils its own calls, and its lane for the server's life, nobody else's. But one that sends, or sends in the
// name of another, and never receives, has its replies kept in the server's memory without bound.
package rpc
