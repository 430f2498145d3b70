package top

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/gdamore/tcell/v3"
	"github.com/gdamore/tcell/v3/color"
)

// Crash is called before the screen is drawn: for a test of what a panic leaves.
var Crash = func() {}

// Run shows what w sees, on the terminal of this process, until q, ^C, or the end of ctx.
// However it ends, also by a panic, the terminal is as it was before.
func Run(ctx context.Context, w *Watcher, interval time.Duration) error {
	// Nothing is asked of the terminal: answers would come late, to the shell.
	s, err := tcell.NewScreen(tcell.OptNegotiation(false), tcell.OptKeyboardProtocol(tcell.LegacyKeyboard), tcell.OptSanitizeContent(true))
	if err != nil {
		return fmt.Errorf("the terminal cannot be used: %w", err)
	}
	if err := s.Init(); err != nil {
		return fmt.Errorf("the terminal cannot be used (%w); --once prints one sample", err)
	}
	defer s.Fini()
	sampler := NewSampler(w, interval)
	defer sampler.Stop()
	u := &ui{Screen: s, view: NewView(interval), signals: make(chan os.Signal, 4)}
	signal.Notify(u.signals, syscall.SIGTSTP, syscall.SIGCONT)
	defer signal.Stop(u.signals)
	return u.loop(ctx, sampler, interval)
}

type ui struct {
	tcell.Screen
	view    *View
	signals chan os.Signal
}

func (u *ui) loop(ctx context.Context, sampler *Sampler, interval time.Duration) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	sampler.Ask()
	asked := true
	for {
		u.draw()
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if !asked && !u.view.Paused() {
				sampler.Ask()
				asked = true
			}
		case l := <-sampler.Got:
			if l.panic != nil {
				panic(l.panic)
			}
			asked = false
			if !u.view.Paused() {
				u.view.Show(l.Round, l.Rows)
			}
		case sig := <-u.signals:
			if err := u.signalled(sig); err != nil {
				return err
			}
		case ev := <-u.EventQ():
			quit, err := u.event(ev)
			if quit || err != nil {
				return err
			}
		}
	}
}

// event takes in what the terminal says.
func (u *ui) event(ev tcell.Event) (quit bool, err error) {
	switch ev := ev.(type) {
	case nil:
		return true, nil // the queue is closed
	case *tcell.EventError:
		return true, fmt.Errorf("the terminal is lost: %w", ev)
	case *tcell.EventResize:
		u.Sync()
	case *tcell.EventKey:
		return u.key(ev)
	}
	return false, nil
}

var keys = map[tcell.Key]Key{
	tcell.KeyUp: KeyUp, tcell.KeyDown: KeyDown, tcell.KeyPgUp: KeyPageUp, tcell.KeyPgDn: KeyPageDown, tcell.KeyHome: KeyHome, tcell.KeyEnd: KeyEnd,
	tcell.KeyEnter: KeyEnter, tcell.KeyEscape: KeyEscape, tcell.KeyBackspace: KeyBackspace, tcell.KeyLeft: KeyEscape, tcell.KeyRight: KeyEnter,
	tcell.KeyRune: KeyRune,
}

func (u *ui) key(ev *tcell.EventKey) (quit bool, err error) {
	switch ev.Key() {
	case tcell.KeyCtrlC:
		return true, nil
	case tcell.KeyCtrlL:
		u.Sync()
	case tcell.KeyCtrlZ:
		return false, u.suspend()
	}
	if k, ok := keys[ev.Key()]; ok {
		return u.view.Press(k, ev.Str()) == Quit, nil
	}
	return false, nil
}

// signalled stops this process, or draws anew when it was stopped and goes on.
func (u *ui) signalled(sig os.Signal) error {
	if sig == syscall.SIGTSTP {
		return u.suspend()
	}
	if err := u.Suspend(); err != nil {
		return err
	}
	return u.resume()
}

// suspend gives the terminal back and stops, as who pressed ^Z expects.
func (u *ui) suspend() error {
	if err := u.Suspend(); err != nil {
		return err
	}
	stopHere(u.signals)
	return u.resume()
}

func (u *ui) resume() error {
	if err := u.Resume(); err != nil {
		return fmt.Errorf("the terminal cannot be used any more: %w", err)
	}
	u.Sync()
	return nil
}

var styles = map[Style]tcell.Style{
	Plain:    tcell.StyleDefault,
	Heading:  tcell.StyleDefault.Bold(true),
	Selected: tcell.StyleDefault.Reverse(true),
	Alarm:    tcell.StyleDefault.Foreground(color.Red).Bold(true),
	Caution:  tcell.StyleDefault.Foreground(color.Yellow),
	Faint:    tcell.StyleDefault.Dim(true),
}

func (u *ui) draw() {
	Crash()
	u.view.Width, u.view.Height = u.Size()
	u.Clear()
	for y, l := range u.view.Lines() {
		u.PutStrStyled(0, y, l.Text, styles[l.Style])
	}
	u.Show()
}
