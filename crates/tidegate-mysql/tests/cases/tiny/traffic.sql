CALL insert_rows(5000);
CALL count_up(10000);
