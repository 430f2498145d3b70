package layout

import "errors"

// Reasons to refuse a header. Each is wrapped with what was expected and found.
var (
	ErrMagic    = errors.New("not a ring")
	ErrEndian   = errors.New("ring of the other byte order")
	ErrNotReady = errors.New("ring not initialised yet")
	ErrVersion  = errors.New("ring of another layout version")
	ErrFeature  = errors.New("ring needs a feature unknown here")
	ErrChecksum = errors.New("ring header damaged")
	ErrGeometry = errors.New("impossible ring geometry")
	ErrShort    = errors.New("file shorter than the ring in it")
)

func geometry(field string, got uint64, want string, args ...any) error {
	return rings.impossible(field, got, want, args...)
}
