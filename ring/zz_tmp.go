package ring

func (c *Consumer) ReleaseFirst(n int) error { return c.Release() }
