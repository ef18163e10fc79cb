BEGIN {
    for (i = 1; i <= 500; i++)
        print i, (i * 7919) % 1009 > "table.txt"
    for (i = 1; i <= lines; i++)
        print "This line is here to take up room, and its number is", i > "filler.txt"
}
