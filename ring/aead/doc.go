// Package aead seals what goes through a ring: AES-256-GCM over each message, under a
// key that the two ends share. Who can read or write the ring's memory, or its file, and has
// not the key, learns how many messages of which length there are, and cannot change,
// reorder, repeat, drop or cut them off unnoticed.
//
//	key, err := aead.Exchange(ctx, conn, true) // or one that both have already
//	s, err := aead.NewSender(p, key)
//	err = s.Send(ctx, msg)
//	err = s.End(ctx)
//
//	r, err := aead.NewReceiver(c, key)
//	msg, err := r.Recv(ctx, nil)
//
// It is for SPSC rings, of either kind, of any memory. In place of a message of n
// bytes the ring carries n + Overhead:
//
//	+----------------+----------------+-----------------+-----+
//	| session        | number         | ciphertext      | tag |
//	+----------------+----------------+-----------------+-----+
//	0                16               24                24+n  40+n
//
// A session is 16 random bytes, drawn anew by each Sender and after 2^32 messages, and has
// a key of its own (HKDF-SHA256 of the shared one, with these bytes for salt). A nonce is the number, which
// counts the messages of the session; the end of the stream is a message whose number has
// its highest bit set. So no nonce comes twice under a key, whoever dies when: a
// successor has another key, and a number is used up before anybody can see what was
// sealed with it.
package aead
