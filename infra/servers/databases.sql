-- Run once, when the volume of PostgreSQL is new; the database `mlflow` is made by the image.
CREATE DATABASE prefect;
CREATE DATABASE optuna;
