package top

// Key is what was pressed.
type Key int

const (
	KeyRune Key = iota
	KeyUp
	KeyDown
	KeyPageUp
	KeyPageDown
	KeyHome
	KeyEnd
	KeyEnter
	KeyEscape
	KeyBackspace
)

// Action is what the terminal has to do after a key.
type Action int

const (
	Draw Action = iota
	Quit
)

// Press does what a key is for. c is the character of a KeyRune.
func (v *View) Press(k Key, c string) Action {
	switch {
	case v.typing:
		v.typed(k, c)
	case v.page == helpPage:
		if k == KeyUp || k == KeyDown || k == KeyPageUp || k == KeyPageDown {
			v.move(k)
		} else {
			v.turn(listPage)
		}
	case k == KeyRune:
		return v.letter(c)
	case k == KeyEnter && v.page == listPage && v.index() >= 0:
		v.detail = v.chosen
		v.turn(detailPage)
	case k == KeyEscape || k == KeyBackspace:
		if v.page == listPage {
			v.filter = ""
			v.arrange()
		}
		v.turn(listPage)
	default:
		v.move(k)
	}
	return Draw
}

func (v *View) turn(to page) { v.page, v.top = to, 0 }

func (v *View) letter(c string) Action {
	switch c {
	case "q":
		return Quit
	case "j":
		v.move(KeyDown)
	case "k":
		v.move(KeyUp)
	case "?", "h":
		v.turn(helpPage)
	case "p", " ":
		v.paused = !v.paused
	}
	if v.page != listPage {
		return Draw
	}
	switch c {
	case "s":
		v.sort = v.sort.next(1)
	case "S":
		v.sort = v.sort.next(-1)
	case "r":
		v.sort.reverse = !v.sort.reverse
	case "/":
		v.typing, v.before = true, v.filter
	}
	v.arrange()
	return Draw
}

// typed edits the filter, which holds from the first character on.
func (v *View) typed(k Key, c string) {
	switch k {
	case KeyEnter:
		v.typing = false
	case KeyEscape:
		v.typing, v.filter = false, v.before
	case KeyBackspace:
		if r := []rune(v.filter); len(r) > 0 {
			v.filter = string(r[:len(r)-1])
		}
	case KeyRune:
		v.filter += c
	}
	v.arrange()
}

// move goes to another row, or scrolls a page that has none.
func (v *View) move(k Key) {
	screen := max(1, v.Height-4)
	steps := map[Key]int{KeyUp: -1, KeyDown: 1, KeyPageUp: -screen, KeyPageDown: screen, KeyHome: -1 << 30, KeyEnd: 1 << 30}
	if v.page != listPage {
		v.top = max(0, v.top+steps[k])
		return
	}
	v.choose(v.index() + steps[k])
}
