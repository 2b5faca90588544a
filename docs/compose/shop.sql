-- What "docker compose --profile postgres up" has in its database, and the user who
-- may read it.
CREATE TABLE products (
    id    int PRIMARY KEY,
    name  text NOT NULL,
    price numeric(10, 2) NOT NULL
);

INSERT INTO products VALUES (1, 'Kettle', 29.90), (2, 'Cup', 4.50), (7, 'Pot', 12.00);

CREATE ROLE reader LOGIN PASSWORD 'reader';
GRANT SELECT ON products TO reader;
