package load

import "time"

// churn ends processes whose time is over.
func (r *run) churn() error {
	now := time.Now()
	for _, p := range r.places {
		c := p.group.Churn
		if c == nil || c.After == 0 || !p.working() {
			continue
		}
		if p.spends.IsZero() {
			life := c.After
			if p.incarnation == 1 { // else all would go together
				life = time.Duration(float64(life) * (1 - r.rng.Float64()))
			}
			p.spends = now.Add(life)
		}
		if now.After(p.spends) {
			if err := p.strike(); err != nil {
				return err
			}
		}
	}
	for _, g := range r.Groups {
		if g.Churn == nil || g.Churn.Every == 0 {
			continue
		}
		if r.strikes[g].IsZero() {
			r.strikes[g] = now.Add(g.Churn.Every)
		}
		if now.Before(r.strikes[g]) {
			continue
		}
		if p := r.any(g); p != nil {
			r.strikes[g] = r.strikes[g].Add(g.Churn.Every)
			if err := p.strike(); err != nil {
				return err
			}
		}
	}
	return nil
}

// any returns a process at work of a group, by chance; nil if there is none.
func (r *run) any(g *Group) *place {
	for _, i := range r.rng.Perm(len(r.places)) {
		if p := r.places[i]; p.group == g && p.working() {
			return p
		}
	}
	return nil
}
