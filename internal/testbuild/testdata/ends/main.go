// Command ends is a program that a test builds and runs.
package main

func main() {}
