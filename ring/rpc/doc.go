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
// All rings are the server's: a client that is killed leaves nothing behind, its place
// goes to the next one. Replies carry the number of the call and of the client, so
// that what was meant for a dead client reaches nobody. Between trusting peers only.
package rpc
