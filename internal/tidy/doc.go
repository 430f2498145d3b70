// Package tidy holds the house style by a test: how long a file may be, where
// unsafe may be, that packages say what they are.
package tidy
