package rpc

import (
	"context"
	"encoding"
	"encoding/json"
	"fmt"
)

// A Method is a method with types, the same value for client and server. How a
// value is encoded follows from its type: []byte and string as they are, what has
// MarshalBinary and UnmarshalBinary by these, all else as JSON.
type Method[Req, Res any] struct{ Name string }

// Handle makes f the handler of the method, as Server.Handle.
func (m Method[Req, Res]) Handle(s *Server, f func(ctx context.Context, req Req) (Res, error)) {
	s.Handle(m.Name, func(ctx context.Context, dst, b []byte) ([]byte, error) {
		var req Req
		if err := decode(b, &req); err != nil {
			return dst, fmt.Errorf("request: %w", err)
		}
		res, err := f(ctx, req)
		if err != nil {
			return dst, err
		}
		return encode(dst, &res)
	})
}

// Call is Client.Call.
func (m Method[Req, Res]) Call(ctx context.Context, c *Client, req Req) (res Res, err error) {
	b, err := encode(nil, &req)
	if err != nil {
		return res, fmt.Errorf("rpc: %s: request: %w", m.Name, err)
	}
	out, err := c.Call(ctx, m.Name, nil, b)
	if err != nil {
		return res, err
	}
	if err := decode(out, &res); err != nil {
		return res, fmt.Errorf("rpc: %s: reply: %w", m.Name, err)
	}
	return res, nil
}

func encode(dst []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case *[]byte:
		return append(dst, *v...), nil
	case *string:
		return append(dst, *v...), nil
	case encoding.BinaryAppender:
		return v.AppendBinary(dst)
	case encoding.BinaryMarshaler:
		b, err := v.MarshalBinary()
		return append(dst, b...), err
	}
	b, err := json.Marshal(v)
	return append(dst, b...), err
}

// decode makes v of b, which it does not keep.
func decode(b []byte, v any) error {
	switch v := v.(type) {
	case *[]byte:
		*v = append([]byte(nil), b...)
		return nil
	case *string:
		*v = string(b)
		return nil
	case encoding.BinaryUnmarshaler:
		return v.UnmarshalBinary(b)
	}
	return json.Unmarshal(b, v)
}
